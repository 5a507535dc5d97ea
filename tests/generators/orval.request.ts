/** The function through which orval's client sends its requests; such a function is needed for an address and a token. */
declare const process: { env: Record<string, string> };

const headers: Record<string, string> = {};

export function authorize(token: string) {
  headers.Authorization = `Bearer ${token}`;
}

export async function request<T>(url: string, options: RequestInit): Promise<T> {
  const response = await fetch(process.env.ADDRESS + url, { ...options, headers: { ...options.headers, ...headers } });
  const isJson = response.headers.get("Content-Type")?.includes("json");
  const data = isJson ? await response.json() : await response.text();
  return { data, status: response.status, headers: response.headers } as T;
}
