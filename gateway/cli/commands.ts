import type { Command } from 'commander';
import type { Context } from './context.ts';

/** A command of the command line. Its module is loaded only if it is the one that is called. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

export interface CommandModule {
  /** Adds arguments, options, help and the action to the command. */
  define(command: Command, context: Context): void;
}

/** All commands, in the order in which the help lists them. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'init',
    summary: 'write a handler, a test and a compose file',
    load: () => import('./init.ts'),
  },
  {
    name: 'dev',
    summary: 'run a handler, and load it again when a file changes',
    load: () => import('./dev.ts'),
  },
  { name: 'start', summary: 'run a gateway with its replicas', load: () => import('./start.ts') },
  {
    name: 'doctor',
    summary: 'check what a start needs: Redis, ports, settings',
    load: () => import('./doctor.ts'),
  },
  { name: 'settings', summary: 'list all settings', load: () => import('./settings.ts') },
  { name: 'ls', summary: 'list the replicas, and why some are not ready', load: () => import('./ls.ts') },
  { name: 'add', summary: 'add replicas', load: () => import('./add.ts') },
  { name: 'rm', summary: 'remove replicas', load: () => import('./rm.ts') },
  {
    name: 'autoscale',
    summary: 'show how many replicas the load wants; stop that, or let it go on',
    load: () => import('./autoscale.ts'),
  },
  {
    name: 'drain',
    summary: 'take replicas out of the ring, and keep them running',
    load: () => import('./drain.ts'),
  },
  { name: 'weight', summary: 'change the weight of a replica', load: () => import('./weight.ts') },
  { name: 'pause', summary: 'let the requests of replicas wait', load: () => import('./pause.ts') },
  { name: 'restart', summary: 'replace the workers of replicas', load: () => import('./restart.ts') },
  { name: 'resume', summary: 'end a drain or a pause', load: () => import('./resume.ts') },
  { name: 'tail', summary: 'follow the requests as they end', load: () => import('./tail.ts') },
  { name: 'ring', summary: 'show the ring', load: () => import('./ring.ts') },
  {
    name: 'explain',
    summary: 'say which replica owns a key, and why',
    load: () => import('./explain.ts'),
  },
  {
    name: 'requests',
    summary: 'list requests; show one, get its answer, or cancel it',
    load: () => import('./requests.ts'),
  },
  {
    name: 'dlq',
    summary: 'list, show, redrive and delete dead letters',
    load: () => import('./dlq.ts'),
  },
];
