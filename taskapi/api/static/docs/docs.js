// The page /docs/: Swagger UI with the document of this server. The page stores no tokens.

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
  requestInterceptor: sendCsrfHeader,
  responseInterceptor: authorize,
  plugins: [askForToken],
});

// The dialog asks for a token only: the browser sends cookies itself, and sendCsrfHeader sends their header
function askForToken() {
  const definitionsToAuthorize = (original) => (state) => original(state).filter((scheme) => scheme.has("bearer"));
  return { statePlugins: { auth: { wrapSelectors: { definitionsToAuthorize } } } };
}

// With cookies, unsafe methods need the CSRF value, which is in a cookie that scripts can read
function sendCsrfHeader(request) {
  const name = /\/auth\/(refresh|logout)$/.test(request.url) ? "csrf_refresh_token" : "csrf_access_token";
  const cookies = document.cookie.split("; ");
  const found = [`__Host-${name}=`, `${name}=`].map((start) => cookies.find((each) => each.startsWith(start)));
  const value = found[0] ?? found[1]; // cookies without Secure have no prefix
  if (value) request.headers["X-CSRF-TOKEN"] = value.slice(value.indexOf("=") + 1);
  return request;
}

// A login or refresh on this page authorizes the following requests
function authorize(response) {
  const token = response.ok && response.body?.access_token;
  if (token) ui.preauthorizeApiKey("bearer", token);
  return response;
}

// Follow the colour scheme of the browser
const dark = matchMedia("(prefers-color-scheme: dark)");
const applyColorScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", applyColorScheme);
applyColorScheme();
