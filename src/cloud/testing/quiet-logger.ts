/** A logger that says nothing. */
export const quietLogger = { info() {}, warn() {} };
