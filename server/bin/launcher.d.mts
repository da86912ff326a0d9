export const requiredMajor: number;
export const repositoryRoot: string;
export function isRecentEnough(version: string): boolean;
export function bundledNode(where?: { root?: string; platform?: string; arch?: string }): string | null;
export function chooseNode(): string | null;
export function missingNodeMessage(): string;
export function launch(script: string, args: string[]): void;
