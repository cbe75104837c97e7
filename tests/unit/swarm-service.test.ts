import { describe, expect, it } from 'vitest';
import type { ContainerSettings } from '../../gateway/drivers/container-spec.ts';
import { serviceName } from '../../gateway/swarm/service-name.ts';
import { literal, serviceConfigHash, serviceSpec } from '../../gateway/swarm/service-spec.ts';
import type { SwarmTask } from '../../gateway/swarm/swarm-objects.ts';
import { taskState } from '../../gateway/swarm/task-state.ts';

const settings: ContainerSettings = {
  namespace: 'ns',
  image: 'ringpost-worker',
  network: 'replicas',
  redisUrl: 'redis://user:topsecret@redis:6379',
  env: ['NAMESPACE=ns', 'COMMAND=app --format={{.Name}}'],
  mounts: ['/srv/handler:/handler'],
  memoryBytes: 1024,
  cpus: 0,
  pids: 64,
  stopTimeoutS: 15,
};

function task(State: string, more: Partial<SwarmTask['Status']> = {}, DesiredState = 'running'): SwarmTask {
  return {
    ID: 't',
    ServiceID: 's',
    CreatedAt: '',
    Spec: { ContainerSpec: { Image: 'sha256:1' } },
    DesiredState,
    Status: { State, ...more },
  };
}

describe("a service's name", () => {
  it('names namespace, replica and generation', () => {
    expect(serviceName('ringpost', 'S1', 12)).toBe('ringpost-S1-g12');
  });

  it('is one that Swarm accepts, and unique, if that is not', () => {
    const names = [
      serviceName('ringpost', 'Model.a_b-1', 1),
      serviceName('ringpost', 'Model-a_b-1', 1),
      serviceName('ringpost', `${'x'.repeat(60)}a`, 1),
      serviceName('ringpost', `${'x'.repeat(60)}b`, 1),
      serviceName('--', 'S1-', 1),
    ];
    for (const name of names) expect(name).toMatch(/^[a-zA-Z0-9](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])$/);
    expect(new Set(names).size).toBe(names.length);
    expect(names[0]).toMatch(/^ringpost-Model-a_b-1-[0-9a-f]{8}-g1$/);
  });
});

describe('a service', () => {
  const placed = { name: 'S1', generation: 3, constraints: ['node.id==a'] };
  const spec = serviceSpec(settings, placed, 'hash', 'sha256:1', { id: 'secret-id', name: 'secret' });

  it('has the URL of Redis only as a secret', () => {
    expect(JSON.stringify(spec)).not.toContain('topsecret');
    expect(spec).toMatchObject({
      TaskTemplate: { ContainerSpec: { Secrets: [{ SecretID: 'secret-id', SecretName: 'secret' }] } },
    });
  });

  it('runs one task, which Swarm never restarts, and waits for no health check', () => {
    expect(spec).toMatchObject({
      Name: 'ns-S1-g3',
      Mode: { Replicated: { Replicas: 1 } },
      TaskTemplate: {
        RestartPolicy: { Condition: 'none' },
        Placement: { Constraints: ['node.id==a'] },
        ContainerSpec: { Image: 'sha256:1', HealthCheck: { Test: ['NONE'] }, StopGracePeriod: 15e9 },
      },
    });
  });

  it('passes braces in settings on, although Swarm expands templates', () => {
    expect(literal('a{{.Name}}b')).toBe('a{{"{{"}}.Name}}b');
    expect(JSON.stringify(spec)).toContain(JSON.stringify(literal('COMMAND=app --format={{.Name}}')));
  });

  it('has another hash with other settings or another URL, and not with another image or node', () => {
    const hash = serviceConfigHash(settings, 'key');
    expect(serviceConfigHash({ ...settings, redisUrl: 'redis://other' }, 'key')).not.toBe(hash);
    expect(serviceConfigHash({ ...settings, network: 'host' }, 'key')).not.toBe(hash);
    expect(serviceConfigHash({ ...settings, image: 'other' }, 'key')).toBe(hash);
  });
});

describe('the state of a task', () => {
  const state = (each: SwarmTask): unknown => taskState(each, 'ringpost-worker', 'node2');

  it('says what Swarm looks for', () => {
    const Err = 'no suitable node (scheduling constraints not satisfied on 2 nodes)';
    expect(state(task('pending', { Err }))).toEqual({ is: 'unplaced', why: Err });
    expect(state(task('new'))).toEqual({ is: 'unplaced', why: undefined });
  });

  it('names the image as settings do if a node does not have it', () => {
    expect(state(task('rejected', { Err: 'No such image: sha256:1' }))).toEqual({
      is: 'refused',
      why: 'No such image: ringpost-worker (on node node2)',
    });
  });

  it('tells a worker that ended from one that could not be started', () => {
    const Err = 'task: non-zero exit (3)';
    expect(state(task('failed', { Err, ContainerStatus: { ExitCode: 3 } }))).toEqual({
      is: 'ended',
      ending: { reason: 'exited with code 3', clean: false, unloaded: false },
    });
    expect(state(task('failed', { Err: 'starting container failed: no such file' }))).toEqual({
      is: 'refused',
      why: 'starting container failed: no such file (on node node2)',
    });
    expect(state(task('complete'))).toMatchObject({ is: 'ended', ending: { clean: true } });
  });

  it('says that a worker whose service was removed did not die', () => {
    const status = { Err: 'task: non-zero exit (137)', ContainerStatus: { ExitCode: 137 } };
    expect(state(task('failed', status, 'remove'))).toEqual({
      is: 'ended',
      ending: { reason: 'removed', clean: true },
    });
  });
});
