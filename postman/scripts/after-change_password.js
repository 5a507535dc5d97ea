const [now, before] = ["new_password", "password"].map((name) => pm.collectionVariables.get(name));
if (pm.response.code === 200) {
  pm.collectionVariables.set("password", now);
  pm.collectionVariables.set("new_password", before);
}
