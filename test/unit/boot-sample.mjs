// Prints which Node runs it.
console.log(process.execPath)
