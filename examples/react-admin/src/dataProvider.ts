/* The requests of react-admin for tasks, projects and labels. They have the same shape, so all have the types of tasks. */

import { HttpError, type DataProvider, type RaRecord } from "react-admin";
import { ProblemError, unwrap, type Schemas, type paths } from "taskapi-client";

import { api, type Task } from "./api";

type Query = NonNullable<paths["/api/v1/tasks"]["get"]["parameters"]["query"]>;

const listPath = (resource: string) => `/api/v1/${resource}` as "/api/v1/tasks";
const itemPath = (resource: string) => `/api/v1/${resource}/{task_id}` as "/api/v1/tasks/{task_id}";

export const dataProvider = {
  supportAbortSignal: true,

  /* The total is known on the last page only. */
  async getList(resource, { pagination: { page, perPage } = { page: 1, perPage: 100 }, sort, filter, signal }) {
    const query: Query = { ...filter, limit: perPage };
    if (resource === "tasks" && sort) query.sort = (sort.order === "DESC" ? "-" : "") + sort.field;
    const { items, next_cursor } = await readPage(resource, query, page, signal);
    const isLast = next_cursor === null && (page === 1 || items.length > 0);
    return {
      data: items,
      total: isLast ? (page - 1) * perPage + items.length : undefined,
      pageInfo: { hasNextPage: next_cursor !== null, hasPreviousPage: page > 1 },
    };
  },

  async getOne(resource, { id, signal }) {
    return { data: await read(resource, id, signal) };
  },

  /* Without those that are in the trash. */
  async getMany(resource, { ids, signal }) {
    const results = await Promise.allSettled(ids.map((id) => read(resource, id, signal)));
    const failed = results.find((each) => each.status === "rejected" && each.reason.status !== 404);
    if (failed) throw (failed as PromiseRejectedResult).reason;
    return { data: results.flatMap((each) => (each.status === "fulfilled" ? [each.value] : [])) };
  },

  getManyReference(resource, { target, id, filter, ...params }) {
    return dataProvider.getList(resource, { ...params, filter: { ...filter, [target]: id } });
  },

  async create(resource, { data }) {
    return { data: await withHttpErrors(unwrap(api.POST(listPath(resource), { body: data as Schemas["TaskCreate"] }))) };
  },

  /* Send what the user has changed, if nobody else has changed the resource since it was read. */
  async update(resource, { id, data, previousData }) {
    const body = changes(data, previousData);
    if (Object.keys(body).length === 0) return { data: previousData };
    const path = { task_id: String(id) };
    const update = api.update(itemPath(resource), { path, body, version: previousData.version });
    const result = await withHttpErrors(update);
    if (result.conflict) throw new HttpError("Somebody else has changed it since. Nothing is saved.", 412);
    return { data: result.saved };
  },

  async updateMany(resource, { ids, data }) {
    const update = (id: Id) => unwrap(api.PATCH(itemPath(resource), { params: { path: { task_id: String(id) } }, body: data }));
    await withHttpErrors(Promise.all(ids.map(update)));
    return { data: ids };
  },

  async delete(resource, { id, previousData }) {
    await remove(resource, id, previousData?.version);
    return { data: previousData ?? { id } };
  },

  async deleteMany(resource, { ids }) {
    await Promise.all(ids.map((id) => remove(resource, id)));
    return { data: ids };
  },
} as DataProvider;

type Id = RaRecord["id"];

/* The cursors of the pages of a list that were read. The API has neither page numbers nor totals. */
const cursors = new Map<string, (string | undefined)[]>();

/* Read a page by its number, and before it those whose next cursor is not known, for example after a reload. */
async function readPage(resource: string, query: Query, page: number, signal?: AbortSignal): Promise<Schemas["TaskPage"]> {
  const list = JSON.stringify([resource, query]);
  const known = cursors.get(list) ?? [undefined];
  cursors.delete(list); // not kept if the request fails: the cursor may be invalid
  for (let number = Math.min(page, known.length); ; number++) {
    const params = { query: { ...query, cursor: known[number - 1] } };
    const result = await withHttpErrors(unwrap(api.GET(listPath(resource), { params, signal })));
    known.splice(number, Infinity, ...(result.next_cursor ? [result.next_cursor] : []));
    cursors.set(list, known);
    if (number === page) return result;
    if (result.next_cursor === null) return { items: [], next_cursor: null };
  }
}

function read(resource: string, id: Id, signal?: AbortSignal): Promise<Task> {
  return withHttpErrors(unwrap(api.GET(itemPath(resource), { params: { path: { task_id: String(id) } }, signal })));
}

/* Move to the trash. */
async function remove(resource: string, id: Id, version?: number): Promise<void> {
  const header = version === undefined ? undefined : { "If-Match": `"${version}"` };
  await withHttpErrors(unwrap(api.DELETE(itemPath(resource), { params: { path: { task_id: String(id) }, header } })));
}

function changes(data: Partial<RaRecord>, previous: RaRecord): Schemas["TaskPatch"] {
  const isChanged = (name: string) => JSON.stringify(data[name]) !== JSON.stringify(previous[name]);
  return Object.fromEntries(Object.entries(data).filter(([name]) => isChanged(name)));
}

/* Turn errors of the client into those of react-admin, which shows `errors` beside the inputs of a form. */
async function withHttpErrors<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const fields = Object.entries(error.problem.errors?.json ?? {});
    const errors = Object.fromEntries(fields.map(([name, messages]) => [name, textOf(messages)]));
    throw new HttpError(error.message, error.status, fields.length > 0 ? { errors } : error.problem);
  }
}

/* Messages are nested if the field is: `labels` has those of each label by its index. */
function textOf(messages: unknown): string {
  return messages instanceof Object ? Object.values(messages).map(textOf).join(" ") : String(messages);
}
