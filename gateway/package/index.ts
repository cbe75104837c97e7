/**
 * The package `ringpost`. This is the only file that imports both roles: the gateway and the worker know
 * nothing of each other, and a program that uses the package may run both.
 */
export { createGateway } from './gateway.ts';
export type {
  GatewayEnd,
  GatewayOptions,
  GatewaySettings,
  RingpostGateway,
  StartedReplicas,
} from './gateway.ts';
export { createWorker } from '../../worker/create-worker.ts';
export type { RingpostWorker, WorkerSettings } from '../../worker/create-worker.ts';
export type { WorkerEnd } from '../../worker/hosted-worker.ts';
export type {
  FetchFunction,
  FetchHandler,
  Handler,
  HandlerContext,
} from '../../worker/handlers/user-handler.ts';
export { SettingsError } from '#shared/settings/load-settings.ts';
export { RedisUnfitError } from '#shared/store/redis/check-redis.ts';
