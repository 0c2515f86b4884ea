import { wideColumn } from './table.ts';

/** What printers read of whatever makes pods from a template. */
export interface PodTemplate {
  template?: { spec?: { containers?: { name: string; image?: string }[] } };
}

export const CONTAINER_COLUMNS = [
  wideColumn('Containers', 'Names of the containers in the template.'),
  wideColumn('Images', 'Images of the containers in the template.'),
];

export const TEMPLATE_COLUMNS = [...CONTAINER_COLUMNS, wideColumn('Selector', 'Labels of the pods that belong to it.')];

/** The names and images of a template's containers. */
export function containerCells(spec: PodTemplate | undefined): string[] {
  const containers = spec?.template?.spec?.containers ?? [];
  return [
    containers.map((container) => container.name).join(','),
    containers.map((container) => container.image ?? '').join(','),
  ];
}

export function templateCells(spec: PodTemplate | undefined, selector: string): string[] {
  return [...containerCells(spec), selector];
}
