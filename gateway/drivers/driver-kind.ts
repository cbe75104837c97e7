/** @returns whether a driver runs replicas as containers: with files of their own, and hostnames as names. */
export function runsContainers(driver: string): boolean {
  return driver === 'docker' || driver === 'swarm';
}
