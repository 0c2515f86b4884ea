export { printerFor } from './printer-for.ts';
