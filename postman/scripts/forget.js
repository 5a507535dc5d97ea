["access_token", "refresh_token"].forEach((name) => pm.collectionVariables.unset(name));
