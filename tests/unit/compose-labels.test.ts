import { expect, it } from 'vitest';
import { containerIdIn, replicaLabels } from '../../gateway/drivers/compose-labels.ts';

const id = 'c70e9c6cc61e7a586066b89e1c7cee040e9771706411bd05db167f36e410ffeb';
const mount = (root: string, point: string): string =>
  `171 153 254:0 ${root} ${point} rw,relatime - ext4 /dev/vda rw`;

it('finds the id of the container that the process runs in', () => {
  const lines = [
    mount('/', '/'),
    mount(`/var/lib/docker/containers/${id}/resolv.conf`, '/etc/resolv.conf'),
    mount(`/var/lib/docker/containers/${id}/hostname`, '/etc/hostname'),
  ];
  expect(containerIdIn(lines.join('\n'))).toBe(id);
});

it('finds no id on a machine that only runs containers', () => {
  expect(containerIdIn(mount('/', `/var/lib/docker/containers/${id}/mounts/shm`))).toBeUndefined();
  expect(containerIdIn('')).toBeUndefined();
});

it('gives replicas the labels that both versions of compose need, and none of a service in the file', () => {
  const own = {
    'com.docker.compose.project': 'p',
    'com.docker.compose.project.working_dir': '/w',
    'com.docker.compose.service': 'controller',
    'com.docker.compose.config-hash': 'abc',
    'com.docker.compose.depends_on': 'redis:service_healthy:false',
    other: 'x',
  };
  expect(replicaLabels(own)).toEqual({
    'com.docker.compose.project': 'p',
    'com.docker.compose.project.working_dir': '/w',
    'com.docker.compose.service': 'replica',
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.container-number': '1',
    'com.docker.compose.config-hash': 'ringpost',
  });
  expect(replicaLabels({ 'com.docker.compose.service': 'controller' })).toEqual({});
});
