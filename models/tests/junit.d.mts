export function readJUnit(xml: string): { passed: number; failed: number; skipped: { name: string; reason: string }[] };
