import Docker from 'dockerode';
import type { ServiceSpec } from 'dockerode';
import { labels } from '../drivers/container-spec.ts';
import { linesOf } from '../drivers/container-logs.ts';
import { askEngine, EngineError, ignore } from '../drivers/engine-call.ts';
import { maxLines } from '#shared/process/last-lines.ts';
import { swarmName } from './service-name.ts';
import type { RedisSecret } from './service-spec.ts';
import type { SwarmNode, SwarmService, SwarmTask } from './swarm-objects.ts';

/** Time in ms in which the engine has to answer. */
const callTimeoutMs = 20_000;
const listTimeoutMs = 5000;
/** The node of the task has to send the log to the manager. */
const logTimeoutMs = 2000;

/** What runs for one namespace, and where it can. */
export interface SwarmPicture {
  readonly services: readonly SwarmService[];
  /** Also those of services that are removed, until their nodes have ended them. */
  readonly tasks: readonly SwarmTask[];
  readonly nodes: readonly SwarmNode[];
}

/** The calls to a manager's engine that the driver makes, for one namespace. */
export class SwarmEngine {
  readonly #docker = new Docker();
  readonly #namespace: string;
  readonly #filters: { readonly label: string[] };

  constructor(namespace: string) {
    this.#namespace = namespace;
    this.#filters = { label: [`${labels.namespace}=${namespace}`] };
  }

  async picture(): Promise<SwarmPicture> {
    const filters = JSON.stringify(this.#filters);
    const list = <T>(what: (options: object) => Promise<unknown>): Promise<T> =>
      // The client does not type what the engine's API defines.
      askEngine(listTimeoutMs, (abortSignal) => what({ filters, abortSignal })) as Promise<T>;
    const [services, tasks, nodes] = await Promise.all([
      list<SwarmService[]>((options) => this.#docker.listServices(options)),
      list<SwarmTask[]>((options) => this.#docker.listTasks(options)),
      askEngine(listTimeoutMs, () => this.#docker.listNodes()) as Promise<SwarmNode[]>,
    ]);
    return { services, tasks, nodes };
  }

  /**
   * @param image as `WORKER_IMAGE` names it.
   * @returns how services name it: as it is if it has a digest, else by the digest that this engine knows
   * from a registry, else by its id. No node asks a registry for any of these if it has the image.
   * @throws {EngineError} if this engine does not have it.
   */
  async resolve(image: string): Promise<string> {
    if (image.includes('@sha256:')) return image;
    const found = await askEngine(listTimeoutMs, () => this.#docker.getImage(image).inspect()).catch(
      ignore(404),
    );
    // The docker driver reports it in these words.
    if (found === undefined) throw new EngineError(404, `No such image: ${image}`, undefined);
    const { Id, RepoDigests } = found;
    const repository = image.replace(/:[^:/]*$/, '');
    return RepoDigests?.find((digest) => digest.startsWith(`${repository}@`)) ?? Id;
  }

  /** @throws {EngineError} with the status 409 if there is a service of this name. */
  async create(spec: ServiceSpec): Promise<string> {
    const { id } = await askEngine(callTimeoutMs, (abortSignal) =>
      this.#docker.createService({ ...spec, abortSignal }),
    );
    return id;
  }

  /** Removes a service: its node ends its worker by SIGTERM, and by SIGKILL after the grace in its spec. */
  async remove(serviceId: string): Promise<void> {
    await askEngine(callTimeoutMs, (abortSignal) =>
      this.#docker.getService(serviceId).remove({ abortSignal }),
    ).catch(ignore(404));
  }

  /** @returns the last lines that a task wrote to stderr; none if its node does not return them. */
  async lastLogLines(taskId: string): Promise<readonly string[]> {
    try {
      // The client has this call, and does not type it.
      const task = this.#docker.getTask(taskId) as unknown as { logs(options: object): Promise<Buffer> };
      return linesOf(
        await askEngine(logTimeoutMs, () =>
          task.logs({ stdout: false, stderr: true, tail: maxLines, follow: false }),
        ),
      );
    } catch {
      return [];
    }
  }

  /**
   * @param mark differs if the URL differs.
   * @returns the secret with the URL, which is made unless it is there.
   */
  async ensureSecret(redisUrl: string, mark: string): Promise<RedisSecret> {
    const name = swarmName(`${this.#namespace}-redis-url`, `-${mark}`);
    const found = (await this.#secrets()).find((secret) => secret.name === name);
    if (found !== undefined) return found;
    const spec = {
      Name: name,
      Labels: { [labels.namespace]: this.#namespace },
      Data: Buffer.from(redisUrl).toString('base64'),
    };
    const made = await askEngine(callTimeoutMs, (abortSignal) =>
      this.#docker.createSecret({ ...spec, abortSignal }),
    ).catch(ignore(409));
    if (made !== undefined) return { id: made.id, name };
    const other = (await this.#secrets()).find((secret) => secret.name === name);
    if (other === undefined) throw new Error(`a secret named ${name} is there already, and it is not ours`);
    return other;
  }

  /** Removes the secrets of earlier settings that no service uses any more. @param keep the current one. */
  async removeOldSecrets(keep: string | undefined): Promise<void> {
    const old = (await this.#secrets()).filter(({ id }) => id !== keep);
    await Promise.all(
      old.map(({ id }) =>
        askEngine(callTimeoutMs, (abortSignal) => this.#docker.getSecret(id).remove({ abortSignal })).catch(
          (error: unknown) => {
            // A service uses it, or another controller was faster.
            if (!(error instanceof EngineError)) throw error;
          },
        ),
      ),
    );
  }

  async #secrets(): Promise<RedisSecret[]> {
    const found = (await askEngine(listTimeoutMs, (abortSignal) =>
      this.#docker.listSecrets({ filters: this.#filters, abortSignal }),
    )) as readonly { readonly ID: string; readonly Spec?: { readonly Name?: string } }[]; // the engine's API
    return found.map(({ ID, Spec }) => ({ id: ID, name: Spec?.Name ?? '' }));
  }
}
