/**
 * The driver on a real Kubernetes. One file, and one import after the other, so that the chapters run in this order:
 * what is worth most first, what asks how all of it went last. One of them alone:
 * npm test -- --selectProjects e2e -t 'WORDS OF ITS NAME'
 */
await import('./chapters/volumes.ts');
await import('./chapters/survival.ts');
await import('./chapters/events.ts');
await import('./chapters/orphans.ts');
await import('./chapters/capacity.ts');
await import('./chapters/full-node.ts');
await import('./chapters/examples.ts');
await import('./chapters/nodes.ts');
await import('./chapters/controller.ts');
await import('./chapters/foreign.ts');
await import('./chapters/storm.ts');
await import('./chapters/helm.ts');
await import('./chapters/rights.ts');
