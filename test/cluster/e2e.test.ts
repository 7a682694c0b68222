/**
 * The driver on a real Kubernetes. One file, so that the chapters run in this order: what is worth most first, what
 * asks how all of it went last. One of them alone: npm test -- --selectProjects e2e -t 'WORDS OF ITS NAME'.
 */
import './chapters/volumes.ts';
import './chapters/survival.ts';
import './chapters/events.ts';
import './chapters/capacity.ts';
import './chapters/examples.ts';
import './chapters/nodes.ts';
import './chapters/controller.ts';
import './chapters/foreign.ts';
import './chapters/storm.ts';
import './chapters/helm.ts';
import './chapters/rights.ts';
