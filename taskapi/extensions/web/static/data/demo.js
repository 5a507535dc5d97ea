/** The demo: a new account with sample projects and tasks, created by the same requests that any client sends. */

import { account, projects, session, tasks } from "../api/client.js";
import { addDays, browserZone, setZone, today } from "../text/dates.js";

const PASSWORD_CHARACTERS = "abcdefghijkmnpqrstuvwxyz23456789"; // none that look alike

const PROJECTS = { Garden: "#2f9e62", Home: "#d9822b" };
const PARTY = "Plan the summer party";
const PARTY_STEPS = {
  "Choose a day": "done",
  "Invite everybody": "done",
  "Ask for salads": "todo",
  "Buy lanterns": "todo",
};
/** A function, because the dates depend on the current day. */
const sampleTasks = () => [
  { title: "Read “Walden”", labels: ["reading"] },
  { title: "Repair the garden gate", project: "Garden", priority: "low" },
  { title: "Book a train to Lisbon", priority: "medium", due_date: addDays(today(), 1), labels: ["errands"] },
  { title: "Return the library books", due_date: addDays(today(), -1), priority: "high", labels: ["errands"] },
  { title: "Call Grandma", due_date: today(), labels: ["calls"] },
  { title: "Water the seedlings", project: "Garden", due_date: today() },
  { title: "Buy stamps", status: "done", labels: ["errands"] },
  {
    title: PARTY,
    project: "Home",
    priority: "medium",
    due_date: addDays(today(), 5),
    description: "Ideas for the evening: https://en.wikipedia.org/wiki/Garden_party",
  },
];

/** Create an account, sign in, and add the sample data. Returns `{username, password}`. */
export async function createDemoAccount() {
  const credentials = { username: `demo-${randomText(8)}`, password: [5, 5, 5, 5].map(randomText).join("-") };
  await session.register(credentials);
  await session.signIn(credentials.username, credentials.password);
  await account.change({ timezone: browserZone() }).then(
    (user) => setZone(user.timezone),
    () => {}, // the server may not know this time zone
  );
  await addSampleData().catch(() => {}); // the account can be used without it
  return credentials;
}

async function addSampleData() {
  const ids = {};
  for (const [name, color] of Object.entries(PROJECTS)) ids[name] = (await projects.create({ name, color })).id;
  const added = await createTasks(
    sampleTasks().map(({ project, ...values }) => ({ ...values, ...(project && { project_id: ids[project] }) })),
  );
  const party = added.find(({ data }) => data.title === PARTY);
  await createTasks(Object.entries(PARTY_STEPS).map(([title, status]) => ({ title, status, parent_id: party.id })));
}

function createTasks(rows) {
  return tasks.batch(rows.map((data) => ({ op: "create", data })));
}

function randomText(length) {
  const numbers = [...crypto.getRandomValues(new Uint8Array(length))];
  return numbers.map((number) => PASSWORD_CHARACTERS[number % PASSWORD_CHARACTERS.length]).join("");
}
