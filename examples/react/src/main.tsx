import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";

import { Header } from "./Header";
import { SignIn } from "./SignIn";
import { TaskPage } from "./TaskPage";
import { api, queryClient, subscribe } from "./api";
import "./style.css";

function App() {
  const isSignedIn = useSyncExternalStore(subscribe, api.isSignedIn);
  if (!isSignedIn) return <SignIn />;
  return (
    <>
      <Header />
      <TaskPage />
    </>
  );
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
