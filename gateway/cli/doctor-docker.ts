import type Docker from 'dockerode';
import { safeMessage } from '#shared/process/safe-error.ts';
import { askEngine } from '../drivers/engine-call.ts';
import type { Finding } from './finding.ts';

const check = 'docker';
const timeoutMs = 3000;

/**
 * Asks the Docker engine for its version, and for the image of the workers if they run in containers.
 * @param image undefined if the replicas are no containers.
 */
export async function checkDocker(image: string | undefined): Promise<Finding[]> {
  const isNeeded = image !== undefined;
  const level = isNeeded ? 'failed' : 'skipped';
  const unneeded = isNeeded ? '' : ' It is not needed: REPLICA_DRIVER is neither docker nor swarm.';
  const docker = await openDocker();
  if (docker === undefined) {
    const message = `The package dockerode is not installed.${unneeded}`;
    return [{ check, level, message, ...(isNeeded ? { advice: 'Run: npm install dockerode' } : {}) }];
  }
  try {
    const { Version } = await askEngine(timeoutMs, () => docker.version());
    const found: Finding = {
      check,
      level: 'ok',
      message: `The Docker engine answers; it is version ${Version}.`,
    };
    return isNeeded ? [found, await checkImage(docker, image)] : [found];
  } catch (error) {
    const message = `The Docker engine does not answer (${safeMessage(error)}).${unneeded}`;
    const advice = 'Start it, or set DOCKER_HOST; this user must be allowed to use its socket.';
    return [{ check, level, message, ...(isNeeded ? { advice } : {}) }];
  }
}

/** The engine's client is an optional package. */
async function openDocker(): Promise<Docker | undefined> {
  try {
    const { default: Engine } = await import('dockerode');
    // Without a timeout, a connection that stays open would keep this process alive.
    return new Engine({ timeout: timeoutMs });
  } catch {
    return undefined;
  }
}

async function checkImage(docker: Docker, image: string): Promise<Finding> {
  try {
    await askEngine(timeoutMs, () => docker.getImage(image).inspect());
    return { check: 'worker image', level: 'ok', message: `The image ${image} is there.` };
  } catch (error) {
    return {
      check: 'worker image',
      level: 'failed',
      message: `The image ${image} cannot be used (${safeMessage(error)}).`,
      advice: 'Build or pull it, or set WORKER_IMAGE to one that is there.',
    };
  }
}
