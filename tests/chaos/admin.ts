/** The gateway's answer to `/add` or `/rm`. */
export interface AdminAnswer {
  readonly status: number;
  readonly text: string;
}

/** Asks a gateway to add or remove replicas. */
export async function changeReplicas(
  url: string,
  call: 'add' | 'rm',
  hostnames: readonly string[],
): Promise<AdminAnswer> {
  const response = await fetch(`${url}/${call}`, {
    method: call === 'add' ? 'POST' : 'DELETE',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ n: Math.max(1, hostnames.length), hostnames }),
  });
  return { status: response.status, text: await response.text() };
}

/** Asks a gateway to add or remove replicas. @throws Error with the answer if it is not 200. */
export async function mustChangeReplicas(
  url: string,
  call: 'add' | 'rm',
  hostnames: readonly string[],
): Promise<void> {
  const { status, text } = await changeReplicas(url, call, hostnames);
  if (status !== 200) throw new Error(`/${call} ${hostnames.join(' ')} was answered ${status}: ${text}`);
}
