// Events: one JSON object a line on stdout, where nothing else is printed.

export function tell (event, fields) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)
}

// Ends the program with the reason on stderr.
export function fail (code, message) {
  process.stderr.write(`peer.mjs: ${message}\n`)
  process.exit(code)
}
