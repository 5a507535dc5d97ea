// The service of lesson 1 in Express, with signed tokens of the library jsonwebtoken.
// Start it with: KEY=$(openssl rand -hex 32) node express.mjs
import { randomBytes, scryptSync, timingSafeEqual } from "node:crypto";
import express from "express";
import jwt from "jsonwebtoken";

const key = process.env.KEY ?? "";
if (Buffer.byteLength(key) < 32) throw new Error("KEY must have at least 32 bytes.");
const rules = { issuer: "lessons", audience: "lessons" };

const hashPassword = (password, salt) => scryptSync(password, salt, 32);
const newUser = (password, role) => {
  const salt = randomBytes(16);
  return { salt, hash: hashPassword(password, salt), role };
};
const users = new Map([
  ["ada", newUser("analytical engine", "editor")],
  ["grace", newUser("nanoseconds of wire", "admin")],
]);

const app = express();
app.use(express.json());

app.post("/login", (request, response) => {
  const { username, password } = request.body ?? {};
  if (typeof username !== "string" || typeof password !== "string") {
    return response.status(400).json({ error: "Send a JSON object with username and password." });
  }
  const user = users.get(username);
  if (!user || !timingSafeEqual(hashPassword(password, user.salt), user.hash)) {
    return rejectRequest(response, "The username or the password is wrong.");
  }
  const token = jwt.sign({ role: user.role }, key, { ...rules, algorithm: "HS256", subject: username, expiresIn: "15m" });
  response.json({ token });
});

app.get("/me", requireToken, (request, response) => {
  response.json({ username: request.claims.sub, role: request.claims.role });
});

function requireToken(request, response, next) {
  const [, token] = /^Bearer (.+)$/i.exec(request.get("Authorization") ?? "") ?? [];
  try {
    // Without the list of algorithms, jsonwebtoken accepts every HMAC algorithm for a secret
    request.claims = jwt.verify(token, key, { ...rules, algorithms: ["HS256"], maxAge: "15m" });
  } catch {
    return rejectRequest(response, "The token is missing or not valid.");
  }
  next();
}

function rejectRequest(response, error) {
  response.status(401).set("WWW-Authenticate", "Bearer").json({ error });
}

const server = app.listen(Number(process.env.PORT ?? 5050), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
