import { QueryClient } from "@tanstack/react-query";
import { StrictMode } from "react";
import { Admin, Resource } from "react-admin";
import { createRoot } from "react-dom/client";

import { authProvider } from "./authProvider";
import { dataProvider } from "./dataProvider";
import { TaskCreate, TaskEdit, TaskList } from "./tasks";

/* The client repeats requests itself, where that is safe. */
const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Admin {...{ authProvider, dataProvider, queryClient }} title="Tasks" requireAuth disableTelemetry>
      <Resource name="tasks" recordRepresentation="title" list={TaskList} edit={TaskEdit} create={TaskCreate} />
      <Resource name="projects" recordRepresentation="name" />
      <Resource name="labels" recordRepresentation="name" />
    </Admin>
  </StrictMode>,
);
