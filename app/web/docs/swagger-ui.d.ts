/** What the page at /docs uses of swagger-ui, which has no types of its own. */
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  export default function SwaggerUI(options: {
    url: string;
    dom_id: string;
    deepLinking: boolean;
    defaultModelsExpandDepth: number;
    docExpansion: "list" | "full" | "none";
    validatorUrl: string;
  }): void;
}
