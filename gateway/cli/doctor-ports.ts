import type { Finding } from './finding.ts';
import { holderOf, portState } from './port-holder.ts';

/** Checks whether a gateway could listen on its port, or who does. */
export async function checkPort(setting: string, host: string, port: number): Promise<Finding> {
  const check = setting === 'PORT' ? 'port' : 'admin port';
  if (port === 0) return { check, level: 'ok', message: `${setting} is 0: a start picks a free one.` };
  const state = await portState(host, port);
  if (state === 'free') return { check, level: 'ok', message: `Port ${port} on ${host} is free.` };
  if (state !== 'taken')
    return {
      check,
      level: 'failed',
      message: `Port ${port} on ${host} cannot be used (${state.refused}).`,
      advice:
        state.refused === 'EACCES'
          ? `Set ${setting} to a port from 1024 on.`
          : `Set ${setting === 'PORT' ? 'HOST' : 'ADMIN_HOST'} to an address of this host.`,
    };
  const isRingpost = await answersAsRingpost(host, port);
  const holder = (await holderOf(port)) ?? (isRingpost ? 'a process' : 'a process of another user');
  if (isRingpost)
    return {
      check,
      level: 'ok',
      message: `Port ${port} on ${host} is taken by a gateway of ringpost that answers: ${holder}.`,
    };
  return {
    check,
    level: 'failed',
    message: `Port ${port} on ${host} is taken by ${holder}.`,
    advice:
      process.platform === 'darwin' && port === 5000
        ? 'Turn off the AirPlay Receiver in the system settings, or set PORT to a free one.'
        : `End that, or set ${setting} to a free one.`,
  };
}

async function answersAsRingpost(host: string, port: number): Promise<boolean> {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const authority = reachable.includes(':') ? `[${reachable}]` : reachable;
  try {
    const response = await fetch(`http://${authority}:${port}/-/live`, { signal: AbortSignal.timeout(2000) });
    const answer = (await response.json()) as { readonly status?: unknown } | null;
    return answer?.status === 'live';
  } catch {
    return false;
  }
}
