import pc from 'picocolors';

/** Whether what is printed goes to someone who sees colours (no-color.org, force-color.org). */
const wanted = process.env['FORCE_COLOR']
  ? process.env['FORCE_COLOR'] !== '0'
  : process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';

/** Colours for a terminal; the bare text where the output goes elsewhere. */
export const colours = pc.createColors(wanted);
