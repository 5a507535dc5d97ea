// The page at /docs/: Swagger UI over this server's own document. Tokens stay in the page, and go when it is left.

const ui = SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  validatorUrl: null,
  requestInterceptor: proveOrigin,
  responseInterceptor: authorize,
  plugins: [askForTokenAlone],
});

// Cookies are the browser's own business, and their header is sent below: there is only a token to ask for
function askForTokenAlone() {
  const definitionsToAuthorize = (original) => (state) => original(state).filter((scheme) => scheme.has("bearer"));
  return { statePlugins: { auth: { wrapSelectors: { definitionsToAuthorize } } } };
}

// Signed in by cookies, a request that changes something needs the value of the one that scripts can read
function proveOrigin(request) {
  const name = /\/auth\/(refresh|logout)$/.test(request.url) ? "csrf_refresh_token" : "csrf_access_token";
  const cookies = document.cookie.split("; ");
  const found = [`__Host-${name}=`, `${name}=`].map((start) => cookies.find((each) => each.startsWith(start)));
  const value = found[0] ?? found[1]; // cookies that are not Secure have no prefix
  if (value) request.headers["X-CSRF-TOKEN"] = value.slice(value.indexOf("=") + 1);
  return request;
}

// Who signs in or refreshes here is authorized at once
function authorize(response) {
  const token = response.ok && response.body?.access_token;
  if (token) ui.preauthorizeApiKey("bearer", token);
  return response;
}

// Light or dark as the reader has it
const dark = matchMedia("(prefers-color-scheme: dark)");
const adapt = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", adapt);
adapt();
