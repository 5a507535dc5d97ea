import {
  AutocompleteArrayInput,
  BooleanInput,
  BulkDeleteButton,
  Create,
  DataTable,
  DateField,
  DateInput,
  Edit,
  List,
  ReferenceField,
  ReferenceInput,
  SearchInput,
  SelectArrayInput,
  SelectField,
  SelectInput,
  SimpleForm,
  TextArrayField,
  TextInput,
  required,
  useGetList,
  useNotify,
  useRefresh,
  type HttpError,
} from "react-admin";

import type { Task } from "./api";

const STATUSES: { id: Task["status"]; name: string }[] = [
  { id: "todo", name: "To do" },
  { id: "in_progress", name: "In progress" },
  { id: "done", name: "Done" },
  { id: "cancelled", name: "Cancelled" },
];
const PRIORITIES: { id: Task["priority"]; name: string }[] = [
  { id: "none", name: "None" },
  { id: "low", name: "Low" },
  { id: "medium", name: "Medium" },
  { id: "high", name: "High" },
  { id: "urgent", name: "Urgent" },
];
const NEWEST_FIRST = { field: "created_at", order: "DESC" } as const;

const projectInput = (
  <ReferenceInput key="project" source="project_id" label="Project" reference="projects" perPage={100}>
    <SelectInput label="Project" />
  </ReferenceInput>
);
const filters = [
  <SearchInput key="q" source="q" alwaysOn />,
  <SelectArrayInput key="status" source="status" choices={STATUSES} alwaysOn />,
  <SelectArrayInput key="priority" source="priority" choices={PRIORITIES} />,
  projectInput,
  <BooleanInput key="overdue" source="overdue" />,
];

/* A column can be sorted if the API sorts by it. The API exports all tasks at `/tasks/export.csv`. */
export function TaskList() {
  return (
    <List filters={filters} sort={NEWEST_FIRST} exporter={false}>
      <DataTable bulkActionButtons={<BulkDeleteButton />}>
        <DataTable.Col source="title" />
        <DataTable.Col source="status" disableSort>
          <SelectField source="status" choices={STATUSES} />
        </DataTable.Col>
        <DataTable.Col source="priority">
          <SelectField source="priority" choices={PRIORITIES} />
        </DataTable.Col>
        <DataTable.Col source="due">
          <DateField source="due_date" />
        </DataTable.Col>
        <DataTable.Col source="project_id" label="Project" disableSort>
          <ReferenceField source="project_id" reference="projects" />
        </DataTable.Col>
        <DataTable.Col source="labels" disableSort>
          <TextArrayField source="labels" />
        </DataTable.Col>
        <DataTable.Col source="created_at" label="Created">
          <DateField source="created_at" />
        </DataTable.Col>
      </DataTable>
    </List>
  );
}

export function TaskCreate() {
  return (
    <Create redirect="list">
      <TaskForm />
    </Create>
  );
}

/* A change is sent with the version that was read. So it cannot be optimistic or undoable: the user must see a conflict. */
export function TaskEdit() {
  const notify = useNotify();
  const reload = useRefresh();

  function showError(error: Partial<HttpError>) {
    if (error.status === 412) {
      notify(CONFLICT, { type: "warning", autoHideDuration: null });
      reload();
    } else if (!error.body?.errors) {
      notify(error.message ?? "ra.notification.http_error", { type: "error" });
    }
  }

  return (
    <Edit mutationMode="pessimistic" mutationOptions={{ onError: showError }}>
      <TaskForm />
    </Edit>
  );
}

const CONFLICT =
  "Somebody else has changed this task, so your changes are not saved. The form shows the new values, except in the " +
  "fields that you have changed. Save again to keep yours.";
const KEEP_CHANGED_FIELDS = { keepDirtyValues: true };

function TaskForm() {
  return (
    <SimpleForm resetOptions={KEEP_CHANGED_FIELDS}>
      <TextInput source="title" validate={required()} />
      <TextInput source="description" multiline minRows={2} />
      <SelectInput source="status" choices={STATUSES} defaultValue="todo" />
      <SelectInput source="priority" choices={PRIORITIES} defaultValue="none" />
      <DateInput source="due_date" />
      {projectInput}
      <LabelsInput />
    </SimpleForm>
  );
}

/* Tasks have the names of their labels. The API creates labels that do not exist. */
function LabelsInput() {
  const { data: labels = [] } = useGetList("labels", { pagination: { page: 1, perPage: 100 } });
  return (
    <AutocompleteArrayInput
      source="labels"
      choices={labels}
      optionValue="name"
      onCreate={(name) => name && { name }}
    />
  );
}
