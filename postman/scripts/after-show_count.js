pm.collectionVariables.set("task_count", pm.response.json().count);
