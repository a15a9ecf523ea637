console.log("early");
process.exit(3);
