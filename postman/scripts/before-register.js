pm.collectionVariables.set("username", `postman-${pm.variables.replaceIn("{{$guid}}")}`);
