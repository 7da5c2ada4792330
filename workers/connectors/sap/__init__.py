"""SAP S/4HANA: what a lead that converts becomes there, a business partner, by OData v2."""
