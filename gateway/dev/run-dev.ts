import { statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { withoutSecrets } from '#shared/settings/secrets.ts';
import type { TakenSettings } from '#shared/settings/secrets.ts';
import { SettingsError } from '#shared/settings/load-settings.ts';
import { HandlerVersions } from '../drivers/handler-versions.ts';
import type { Gateway } from '../gateway.ts';
import { isDocsPageInstalled } from '../routes/docs-page.ts';
import { runSystem } from '../run-system.ts';
import { loadGatewayConfig } from '../settings/config.ts';
import type { GatewayConfig } from '../settings/config.ts';
import { explainFault } from '../start-fault.ts';
import type { Build } from './build.ts';
import { loadEsbuild, NoEsbuildError } from './esbuild.ts';
import { Frames } from './frames.ts';
import { OutputFiles } from './output-files.ts';
import { projectOf } from './project.ts';
import { Reloads } from './reloads.ts';
import { runBuilder } from './run-builder.ts';
import { warnOfUnknownFields } from './unknown-fields.ts';

export interface DevOptions {
  /** All variables, secrets included; `HANDLER` among them is replaced. */
  readonly settings: TakenSettings;
}

const complain = (text: string): void => void process.stderr.write(`${text}\n`);
const say = (line: string): void => void process.stdout.write(`ringpost dev: ${line}\n`);

/**
 * Runs a system whose replicas run a handler file, and reloads the handler whenever one of its files changes.
 * A version that cannot be loaded is shown as one code frame, and the last good one keeps serving.
 *
 * It takes this process over, as {@link runSystem} does. If the first version cannot be loaded, or a setting
 * is wrong, it ends the process with exit code 1 before any replica is started.
 * @param file relative to the working directory, or absolute.
 * @returns when the system is ready, or was told to stop before.
 */
export async function runDev(file: string, { settings }: DevOptions): Promise<void> {
  try {
    await run(resolve(file), settings);
  } catch (error) {
    complain(`ringpost: ${error instanceof NoEsbuildError ? error.message : explainFault(error)}`);
    process.exit(1);
  }
}

async function run(file: string, { env, faults, sources }: TakenSettings): Promise<void> {
  const cwd = process.cwd();
  const name = relative(cwd, file);
  if (faults.length > 0) throw new SettingsError(faults);
  const config = devConfig({ ...env, HANDLER: file }, name);
  const project = projectOf(file);
  const esbuild = await loadEsbuild(project);
  const files = OutputFiles.claim(project);
  process.on('exit', () => files.release());

  const frames = new Frames({ esbuild, file, cwd, color: process.stderr.hasColors?.() ?? false });
  const childEnv = { NODE_COMPILE_CACHE: resolve('.ringpost/compile-cache'), ...withoutSecrets(env) };
  const timeoutMs = config.startTimeoutMs;
  const reloads = new Reloads({ files, frames, name, say, complain, env: childEnv, timeoutMs });
  const first = Promise.withResolvers<Build>();
  let isFirst = true;
  const stopBuilder = runBuilder({
    env: childEnv,
    project,
    file,
    cwd,
    folder: files.folder,
    onBuild: (build) => {
      if (isFirst) first.resolve(build);
      else reloads.offer(build);
      isFirst = false;
    },
    onEnded: (how) => {
      complain(`ringpost dev: esbuild has ended (${how}); changes are no longer seen`);
      if (isFirst) process.exit(1);
    },
  });
  const path = await reloads.first(await first.promise);
  if (path === undefined) {
    complain(`ringpost dev: ${name} cannot be loaded`);
    process.exit(1);
  }
  const handler = new HandlerVersions(path);
  reloads.begin(handler);
  await runSystem(
    { env: { ...env, HANDLER: path }, faults: [], ...(sources === undefined ? {} : { sources }) },
    {
      handler,
      onReady: (line, gateway) => void onReady(line, gateway, name, config),
      onStopping: () => {
        reloads.stop();
        stopBuilder();
      },
    },
  );
}

/** @throws {SettingsError} for settings that no system could use, or with which nothing can be reloaded. */
function devConfig(env: NodeJS.ProcessEnv, name: string): GatewayConfig {
  if (statSync(String(env['HANDLER']), { throwIfNoEntry: false })?.isFile() !== true)
    throw new SettingsError([`there is no file ${name}`]);
  const config = loadGatewayConfig(env);
  const wrong = [
    ...(config.role === 'all' ? [] : [`ROLE is "${config.role}"; ringpost dev runs gateway and replicas`]),
    ...(config.replicaDriver === 'process'
      ? []
      : [`REPLICA_DRIVER is "${config.replicaDriver}"; ringpost dev runs replicas as processes`]),
  ];
  if (wrong.length > 0) throw new SettingsError(wrong);
  return config;
}

async function onReady(
  line: string,
  gateway: Gateway | undefined,
  name: string,
  config: GatewayConfig,
): Promise<void> {
  process.stdout.write(`${line}\n`);
  if (gateway === undefined) return;
  const described = isDocsPageInstalled() ? 'docs' : 'openapi.json';
  say(`the dashboard is at ${gateway.adminUrl}/-/`);
  say(`watching ${name}; the routes are described at ${gateway.adminUrl}/-/${described}`);
  warnOfUnknownFields(gateway.app.server, config, (text) => complain(`ringpost dev: ${text}`));
}
