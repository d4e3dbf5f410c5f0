// Medusa on the database that DATABASE_URL names, without its admin pages: it then needs no build.
const { defineConfig } = require('@medusajs/framework/utils');

const nowhere = 'http://localhost';

module.exports = defineConfig({
    projectConfig: {
        databaseUrl: process.env.DATABASE_URL,
        databaseDriverOptions: { ssl: false, connection: { ssl: false } },
        http: { storeCors: nowhere, adminCors: nowhere, authCors: nowhere, jwtSecret: 'live', cookieSecret: 'live' },
    },
    admin: { disable: true },
});
