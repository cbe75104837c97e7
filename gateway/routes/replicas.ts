import { randomInt } from 'node:crypto';
import fp from 'fastify-plugin';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Problem, retryAfterSeconds } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { JoinStore } from '#shared/store/joins/join-store.ts';
import type { RingState, RingStore } from '#shared/store/ring/ring-store.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import { noteFailure } from '../http/answer.ts';
import { adminPaths } from '../http/own-paths.ts';
import { hidden, operations } from '../openapi/operations.ts';
import { randomName } from '../ring/random-name.ts';
import { AdminError, parseReplicaChange, planAdd, planRemove } from '../ring/replica-changes.ts';
import type { ReplicaChange } from '../ring/replica-changes.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';

export interface ReplicaRouteOptions {
  readonly store: RingStore;
  readonly joins: JoinStore;
  readonly watcher: RingWatcher;
  readonly parameters: RingParameters;
  readonly maxReplicas: number;
  readonly containers: boolean;
  readonly addTimeoutMs: number;
  readonly log: Logger;
}

const bodyLimitBytes = 64 * 1024;

/** The cookie of the dashboard is sent only to paths under `/-/`, so changes are possible there too. */
const apiPath = '/-/api/replicas';
const apiSchemas = {
  add: {
    ...operations.addReplicas,
    operationId: 'addReplicasByApi',
    summary: 'Add replicas, as POST /add does',
  },
  remove: {
    ...operations.removeReplicas,
    operationId: 'removeReplicasByApi',
    summary: 'Remove replicas, as DELETE /rm does',
  },
};

/** `GET /rep`, `POST /add` and `DELETE /rm`: the admin contract. */
export const replicaRoutes = fp<ReplicaRouteOptions>(
  async (parent, options) => {
    const { store, joins, watcher, addTimeoutMs, log } = options;
    // A context of its own, since errors of these paths have a form of their own.
    await parent.register((app, _, done) => {
      app.setErrorHandler((error: AdminFailure, _request, reply) => sendFailure(error, reply));
      // Fastify would accept text too; the contract only accepts JSON.
      app.removeContentTypeParser('text/plain');

      app.get('/rep', { schema: operations.listReplicas }, async () => success(await store.read()));

      const bodyLimit = bodyLimitBytes;
      const add = async (request: FastifyRequest): Promise<object> => {
        const change = parseReplicaChange(request.body, 'newly added');
        const { policy, standingBy } = await joins.read();
        if (policy !== undefined) refuseUnnamed(change);
        let added: string[] = [];
        const changed = await store.changeDesired((state) => {
          // A controller desires the first replicas. Replicas that are added before would take their places.
          if (state.version === -1) throw new AdminError('no controller has started yet', 503);
          const plan = planAdd(state, change, options, randomName);
          added = plan.add.map(({ name }) => name);
          // A replica whose worker stands by goes on to follow its worker.
          const members = plan.add.map((member) =>
            standingBy.has(member.name) ? { ...member, joinedBy: 'worker' as const } : member,
          );
          return { ...plan, add: members, by: 'add' };
        });
        const ready = (state: RingState): boolean =>
          state.version >= changed.version && unready(state, added).length === 0;
        if (await watcher.until(ready, addTimeoutMs)) return success(watcher.state);
        // This gateway may not have read its own change yet.
        const newest = watcher.state.version >= changed.version ? watcher.state : changed;
        throw notReadyInTime(newest, added, addTimeoutMs);
      };
      app.post('/add', { bodyLimit, schema: operations.addReplicas }, add);
      app.post(apiPath, { bodyLimit, schema: apiSchemas.add }, add);

      const remove = async (request: FastifyRequest): Promise<object> => {
        const change = parseReplicaChange(request.body, 'removable');
        const state = await store.changeDesired((current) => ({
          ...planRemove(current, change, randomInt),
          by: 'rm' as const,
        }));
        // This gateway's next request is to use the ring that the answer shows. The change is made, so the
        // answer is success even if this fails; the watcher keeps polling.
        await watcher.refresh().catch((error: unknown) => log.warn({ err: error }, 'not refreshed'));
        return success(state);
      };
      app.delete('/rm', { bodyLimit, schema: operations.removeReplicas }, remove);
      app.delete(apiPath, { bodyLimit, schema: apiSchemas.remove }, remove);

      for (const [path, methods] of Object.entries(adminPaths)) {
        app.route({
          method: app.supportedMethods.filter((method) => !(methods as readonly string[]).includes(method)),
          url: path,
          exposeHeadRoute: false,
          schema: hidden,
          onRequest: (request, reply, next) => {
            reply.header('allow', methods.join(', '));
            next(
              new AdminError(
                `${request.method} is not allowed on ${path}; allowed: ${methods.join(', ')}`,
                405,
              ),
            );
          },
          handler: () => undefined,
        });
      }
      done();
    });
  },
  { name: 'replica-routes' },
);

/** @throws {AdminError} if random names are asked for: no worker would have them. */
function refuseUnnamed({ n, hostnames }: ReplicaChange): void {
  if (n > hostnames.length)
    throw new AdminError(
      `n is ${n}, but hostnames lists ${hostnames.length}: with REPLICA_JOIN=auto, replicas join when their ` +
        'workers start. Start more workers, or name those that /rm has removed',
    );
}

function success({ desired, ring }: RingState): object {
  const replicas = desired.map(({ name }) => name).filter((name) => ring.has(name));
  return { message: { N: replicas.length, replicas }, status: 'successful' };
}

/** @returns the names that are still desired and not in the ring. */
function unready({ desired, ring }: RingState, names: readonly string[]): string[] {
  return names.filter((name) => !ring.has(name) && desired.some((member) => member.name === name));
}

function notReadyInTime(state: RingState, added: readonly string[], timeoutMs: number): AdminError {
  const missing = unready(state, added);
  const ready = added.filter((name) => state.ring.has(name));
  return new AdminError(
    `not ready within ${timeoutMs} ms: ${missing.join(', ')}; ready: ${ready.join(', ') || 'none'}; ` +
      'the rest is still on its way, GET /rep shows it when it is ready',
    504,
  );
}

/** A {@link Problem} is thrown for a caller that is not admitted. */
type AdminFailure = FastifyError | AdminError | Problem;

async function sendFailure(error: AdminFailure, reply: FastifyReply): Promise<void> {
  const { status, message, expected } = failureOf(error);
  if (status === 503) reply.header('retry-after', retryAfterSeconds);
  if (!expected) noteFailure(reply.raw, error);
  await reply.code(status).send({ message: `<Error> ${message}`, status: 'failure' });
}

interface Failure {
  readonly status: number;
  readonly message: string;
  /** Whether the message tells the caller everything. */
  readonly expected: boolean;
}

function failureOf(error: AdminFailure): Failure {
  const expected = true;
  if (error instanceof AdminError || error instanceof Problem) {
    return { status: error.status, message: error.message, expected };
  }
  const { statusCode = 500, message } = error;
  if (statusCode === 413)
    return { status: 413, message: `the body has more than ${bodyLimitBytes} bytes`, expected };
  if (statusCode === 415)
    return { status: 415, message: 'the body must be sent as Content-Type: application/json', expected };
  if (statusCode < 500)
    return { status: statusCode, message: `the body is not valid JSON: ${message}`, expected };
  // These calls only ask Redis.
  return { status: 503, message: 'Redis is away', expected: false };
}
