/** Between the benchmark and the process that plays its drivers. */

export interface DriversRequest {
  url: string;
  /** A token and an avatar each; the token names the driver's room. */
  drivers: { token: string; avatarId: string }[];
  model: string | null;
  framesPerSecond: number;
  /** Others watch the avatars. Where nobody does, the drivers watch their own: without a viewer none is rendered. */
  watched: boolean;
}

export interface DriverCount {
  packets: number;
  bytes: number;
}

export type ToDrivers = { type: 'play'; request: DriversRequest } | { type: 'count' };

export type FromDrivers = { type: 'driving' } | { type: 'counted'; counts: DriverCount[] } | { type: 'failed'; message: string };
