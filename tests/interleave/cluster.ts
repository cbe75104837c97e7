import { createLogger } from '#shared/process/logger.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';
import { loadWorkerConfig } from '../../worker/config.ts';
import type { Handler } from '../../worker/handlers/handler.ts';
import { numbered, runIn, runOutside } from './floor/sim-process.ts';
import type { SimProcess } from './floor/sim-process.ts';
import type { SimRedis } from './floor/sim-redis.ts';
import { virtualClock } from './floor/virtual-clock.ts';
import { startController } from './processes/controller-process.ts';
import type { RunningController } from './processes/controller-process.ts';
import { startGateway } from './processes/gateway-process.ts';
import type { RunningGateway } from './processes/gateway-process.ts';
import { SimDriver } from './processes/sim-driver.ts';
import type { DrivenWorker } from './processes/sim-driver.ts';
import { startWorker } from './processes/worker-process.ts';

const log = createLogger('interleave', process.env['INTERLEAVE_LOG'] ?? 'silent');

/** A gateway and the process that it is. */
export interface ClusterGateway {
  readonly process: SimProcess;
  readonly gateway: RunningGateway;
}

/** A controller and the process that it is. */
interface ClusterController {
  readonly process: SimProcess;
  readonly controller: RunningController;
}

/** Makes the handler of one worker. */
export type HandlerOf = (replica: string, generation: number, process: SimProcess) => Handler;

/** The time of a worker's lease, in ms. */
export const leaseMs = 3000;

export interface ClusterOptions {
  readonly redis: SimRedis;
  readonly replicas: number;
  readonly gateways: number;
  /** Settings other than the common ones. */
  readonly settings: Readonly<Record<string, string>>;
  readonly handlerOf: HandlerOf;
  /** Decides how long it takes until the driver has killed a worker, in ms. */
  readonly killDelayMs: () => number;
  /** A gateway or a controller cannot start. It ends. */
  readonly onFailure: (process: SimProcess, error: unknown) => void;
  /** A process has died, for whatever reason. */
  readonly onDeath: (process: SimProcess) => void;
}

/** The processes of one schedule. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #env: Record<string, string>;
  readonly #processes: SimProcess[] = [];
  readonly #gateways: ClusterGateway[] = [];
  #controller: ClusterController | undefined;
  #started = 0;
  /** Signals that frozen processes get when they wake. */
  readonly #signals = new Map<SimProcess, () => void>();
  readonly driver: SimDriver;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { killDelayMs } = options;
    this.driver = new SimDriver((name, generation) => this.#startWorker(name, generation), killDelayMs);
    this.#env = {
      REDIS_URL: 'redis://sim',
      NAMESPACE: 'sim',
      LEASE_MS: String(leaseMs),
      REPLY_TIMEOUT_MS: '20000',
      REPLICAS: String(options.replicas),
      FAILOVER_MS: '500',
      DRAIN_TIMEOUT_MS: '5000',
      LOG_LEVEL: 'silent',
      REPLICA_DRIVER: 'process',
      ...options.settings,
    };
  }

  /** Starts all of it. @returns when the gateways have started. */
  async start(): Promise<void> {
    this.startController();
    const { gateways } = this.#options;
    await Promise.all(Array.from({ length: gateways }, () => this.startGateway().gateway.ready));
  }

  /** The processes that have not died. */
  get processes(): readonly SimProcess[] {
    return this.#processes.filter(({ state }) => state !== 'dead');
  }

  /** Those that have not died. */
  get gateways(): readonly ClusterGateway[] {
    return this.#gateways.filter(({ process: { state } }) => state !== 'dead');
  }

  get controller(): ClusterController | undefined {
    return this.#controller?.process.state === 'dead' ? undefined : this.#controller;
  }

  /** Whether all gateways send requests to as many replicas as there shall be. */
  isWhole(replicas: number): boolean {
    return this.gateways.every(({ gateway }) => gateway.ring().length === replicas);
  }

  get replicas(): number {
    return this.#options.replicas;
  }

  /** Has a replica finish what it holds and go. */
  remove(replica: string): void {
    const { controller } = this;
    if (controller === undefined) return;
    runIn(controller.process, () => controller.controller.remove(replica)).catch(() => undefined);
  }

  startController(): void {
    const process = this.#process('controller');
    const config = loadGatewayConfig({ ...this.#env, ROLE: 'controller' });
    const controller = runIn(process, () =>
      startController(config, process.name, () => this.driver.forController(), log),
    );
    controller.ready.catch((error: unknown) => this.#failed(process, error));
    this.#controller = { process, controller };
  }

  startGateway(): ClusterGateway {
    const process = this.#process('gateway');
    const config = loadGatewayConfig({ ...this.#env, ROLE: 'gateway' });
    const gateway = runIn(process, () => startGateway(config, process.name, log));
    gateway.ready.catch((error: unknown) => this.#failed(process, error));
    const started = { process, gateway };
    this.#gateways.push(started);
    return started;
  }

  /** @param keepsSent whether Redis still executes what the process has sent. */
  kill(process: SimProcess, keepsSent: boolean): void {
    this.#end(process, 'was killed', false, keepsSent);
  }

  wake(process: SimProcess): void {
    process.state = 'running';
    this.#signals.get(process)?.();
    this.#signals.delete(process);
  }

  #process(role: string): SimProcess {
    this.#started += 1;
    const process: SimProcess = numbered(this.#started, {
      name: `${role}${this.#started}`,
      state: 'running',
      onKilled: () => runOutside(() => this.kill(process, true)),
    });
    this.#processes.push(process);
    return process;
  }

  #startWorker(name: string, generation: number): DrivenWorker {
    const process = runOutside(() => this.#process(`${name}-${generation}-`));
    const config = loadWorkerConfig({ ...this.#env, REPLICA: name, GENERATION: String(generation) });
    const handler = this.#options.handlerOf(name, generation, process);
    const exit = (code: number): void =>
      runOutside(() => this.#end(process, `exited with code ${code}`, code === 0, true));
    const worker = runIn(process, () => startWorker(config, handler, exit, log));
    const driven: DrivenWorker = {
      name,
      generation,
      process,
      outdated: false,
      id: `${name}#${generation}`,
      terminate: () => {
        const terminate = (): void => runIn(process, () => worker.terminate());
        if (process.state === 'frozen') this.#signals.set(process, terminate);
        else terminate();
      },
      kill: () => runOutside(() => this.kill(process, true)),
    };
    return driven;
  }

  #end(process: SimProcess, reason: string, clean: boolean, keepsSent: boolean): void {
    if (process.state === 'dead') return;
    process.state = 'dead';
    virtualClock.removeAll(process);
    this.#options.redis.onDeath(process, keepsSent);
    this.#options.onDeath(process);
    const worker = this.driver.workers.find((each) => each.process === process);
    if (worker !== undefined) this.driver.onEnd(worker, reason, clean);
  }

  /** A gateway or controller that cannot start ends. */
  #failed(process: SimProcess, error: unknown): void {
    runOutside(() => {
      if (process.state === 'dead') return;
      this.#options.onFailure(process, error);
      this.kill(process, true);
    });
  }
}
