const form = document.querySelector("form");
const rows = document.querySelector("tbody");
const message = document.querySelector("output");
const KEPT = 200;
let last = 0;

async function fetchJson(url, options) {
  const response = await fetch(url, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail);
  return body;
}

function showSwitches({ delay, fail }) {
  form.elements.delay.value = delay;
  form.elements.fail.value = fail;
}

async function showRequests() {
  try {
    for (const entry of (await fetchJson(`requests/${last}`)).items) {
      last = entry.number;
      const row = rows.insertRow(0);
      for (const value of [entry.method, entry.path, entry.status, entry.milliseconds]) {
        row.insertCell().textContent = value;
      }
      row.classList.toggle("failed", entry.status >= 400);
    }
    while (rows.rows.length > KEPT) rows.deleteRow(-1);
  } catch (error) {
    last = 0; // a restarted server counts from 1
    message.value = error.message;
  }
  setTimeout(showRequests, 1000);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify(Object.fromEntries(new FormData(form)));
  try {
    showSwitches(await fetchJson("switches", { method: "PUT", headers: { "Content-Type": "application/json" }, body }));
    message.value = "Set.";
  } catch (error) {
    message.value = error.message;
  }
});

showSwitches(await fetchJson("switches"));
showRequests();
