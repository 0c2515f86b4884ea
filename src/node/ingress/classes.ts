import type { Informer } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';

/** The class of Ingresses that this node answers for, and its controller. */
export const ownClass = { name: 'homeport', controller: 'homeport.dev/ingress' } as const;

const oldAnnotation = 'kubernetes.io/ingress.class';
const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class';

/**
 * Whether an Ingress is this node's to answer: every one, but those of a class that another controller has. Manifests
 * name the class of the cluster that they were written for, which nobody has installed here.
 */
export function isOurs(ingress: KubeObject, classes: Informer): boolean {
  const name = ingress.spec?.['ingressClassName'] ?? ingress.metadata.annotations?.[oldAnnotation];
  if (typeof name === 'string') {
    const found = classes.get(name);
    return !found || isOwn(found);
  }
  const defaults = classes.list().filter(({ metadata }) => metadata.annotations?.[defaultAnnotation] === 'true');
  return defaults.length === 0 || defaults.some(isOwn);
}

const isOwn = (ingressClass: KubeObject) => ingressClass.spec?.['controller'] === ownClass.controller;
