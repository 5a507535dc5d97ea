/* Types that are derived from the generated paths: lists with pages, and resources with versions. */

import type { paths } from "./schema.js";

type Json<Response> = Response extends { content: { "application/json": infer Body } } ? Body : never;
type Body200<Operation> = Operation extends { responses: { 200: infer Response } } ? Json<Response> : never;

/** The paths of lists that have pages. */
export type ListPath = {
  [P in keyof paths]: Body200<paths[P]["get"]> extends never
    ? never
    : Body200<paths[P]["get"]> extends { items: unknown[]; next_cursor: string | null }
      ? P
      : never;
}[keyof paths];

export type Items<P extends ListPath> = Body200<paths[P]["get"]>["items"];
export type ListQuery<P extends ListPath> = Omit<NonNullable<paths[P]["get"]["parameters"]["query"]>, "cursor">;

/** The paths of resources that accept `If-Match`. */
export type UpdatePath = {
  [P in keyof paths]: paths[P] extends { patch: { responses: { 412: unknown } } } ? P : never;
}[keyof paths];

type Patch<P extends UpdatePath> = paths[P]["patch"];

export interface Update<P extends UpdatePath> {
  path: Patch<P>["parameters"]["path"];
  body: NonNullable<Json<Patch<P>["requestBody"]>>;
  version: number;
}

/** Either the saved resource, or the current one if somebody else has changed it since. */
export type UpdateResult<P extends UpdatePath> =
  | { conflict: false; saved: Body200<Patch<P>> }
  | { conflict: true; current: Body200<Patch<P>> };
