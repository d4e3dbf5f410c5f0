// A real Vendure on SQLite: `node server.js seed` fills an empty folder, `node server.js` serves. PORT and FOLDER are in the environment.
const path = require('path');
const { bootstrap, DefaultJobQueuePlugin, DefaultLogger, LogLevel } = require('@vendure/core');
const { populate } = require('@vendure/core/cli');

const folder = process.env.FOLDER;
const config = {
    apiOptions: { port: Number(process.env.PORT), hostname: '127.0.0.1', adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
    authOptions: {
        tokenMethod: ["bearer", "api-key"],
        superadminCredentials: { identifier: 'superadmin', password: process.env.PASSWORD },
    },
    dbConnectionOptions: {
        type: 'better-sqlite3',
        database: path.join(folder, 'vendure.sqlite'),
        synchronize: process.argv[2] === 'seed',
        logging: false,
    },
    paymentOptions: { paymentMethodHandlers: [] },
    logger: new DefaultLogger({ level: LogLevel.Warn }),
    plugins: [],
};

const initialData = {
    defaultLanguage: 'en',
    defaultZone: 'Europe',
    countries: [{ name: 'Germany', code: 'DE', zone: 'Europe' }],
    taxRates: [{ name: 'Standard', percentage: 20 }],
    shippingMethods: [{ name: 'Standard', price: 500 }],
    paymentMethods: [],
    collections: [],
};

async function main() {
    if (process.argv[2] === 'seed') {
        const app = await populate(() => bootstrap(config), initialData, path.join(folder, "products.csv"));
        await app.close();
        process.exit(0);
    }
    await bootstrap(config);
    console.log('READY');
}

main().catch(error => {
    console.error(error);
    process.exit(1);
});
