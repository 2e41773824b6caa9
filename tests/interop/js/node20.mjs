// What the libraries use of later versions of Node, for version 20. To be imported before them.

Promise.withResolvers ??= function () {
  const made = {}
  made.promise = new this((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}
