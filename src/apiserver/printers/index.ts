export { printerFor } from './printer-for.ts';
export { scalePrinter } from './workloads.ts';
