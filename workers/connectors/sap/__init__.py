"""SAP S/4HANA: what a lead that converts becomes there, a business partner, and an opportunity that is won, a sales order; by OData v2."""
