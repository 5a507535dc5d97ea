// The npm package oidc-provider, with one client and any person.
// Usage: node certified_provider.mjs PORT REDIRECT_URI CLIENT_ID CLIENT_SECRET
import { Provider } from "oidc-provider";

const [port, redirectUri, clientId, clientSecret] = process.argv.slice(2);
const claims = (id) => ({ sub: id, name: "Grace", preferred_username: id, groups: ["bosses"] });

new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  conformIdTokenClaims: false, // the claims are in the ID token
  claims: { openid: ["sub", "groups"], profile: ["name", "preferred_username"] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => claims(id) }),
}).listen(Number(port), "127.0.0.1");
