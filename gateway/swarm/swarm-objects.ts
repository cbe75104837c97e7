/** The parts of Swarm's objects that the driver uses, as the engine's API names them. */

/** The labels of a service, and of its containers. */
export type Labels = Readonly<Record<string, string>>;

export interface SwarmService {
  readonly ID: string;
  readonly CreatedAt: string;
  readonly Spec: { readonly Name: string; readonly Labels?: Labels };
}

/** One run of a service on a node. */
export interface SwarmTask {
  readonly ID: string;
  readonly ServiceID: string;
  /** Unset until the task is assigned to a node. */
  readonly NodeID?: string;
  readonly CreatedAt: string;
  readonly Spec: {
    readonly ContainerSpec: { readonly Image: string; readonly Labels?: Labels };
  };
  readonly DesiredState: string;
  readonly Status: {
    readonly State: string;
    /** What went wrong, or why the task has no node yet. */
    readonly Err?: string;
    readonly ContainerStatus?: { readonly ExitCode?: number };
  };
}

export interface SwarmNode {
  readonly ID: string;
  readonly Spec: {
    readonly Role: string;
    readonly Availability: string;
    readonly Labels?: Labels;
  };
  readonly Description: {
    readonly Hostname: string;
    readonly Platform?: { readonly Architecture?: string; readonly OS?: string };
    readonly Engine?: { readonly Labels?: Labels };
  };
  readonly Status: { readonly State: string; readonly Addr?: string };
}
