"""Customers for programs: read only, names and phones masked."""

from __future__ import annotations

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import holds
from customers.models import Consent, Customer, Suppression


class CustomerOut(serializers.ModelSerializer[Customer]):
    name = serializers.CharField(source="masked_name", help_text="masked")
    phone = serializers.CharField(source="masked_phone", help_text="masked")
    branch = serializers.CharField(source="branch.code", default=None, allow_null=True)
    rm = serializers.CharField(source="rm.staff_no", default=None, allow_null=True)

    class Meta:
        model = Customer
        fields = ["id", "number", "name", "phone", "branch", "rm", "created_at", "updated_at"]


class ConsentOut(serializers.ModelSerializer[Consent]):
    class Meta:
        model = Consent
        fields = ["channel", "granted", "source", "text_version", "given_at", "expires_at"]


class SuppressionOut(serializers.ModelSerializer[Suppression]):
    class Meta:
        model = Suppression
        fields = ["channel", "reason", "at"]


class CustomerFullOut(CustomerOut):
    consents = ConsentOut(many=True, read_only=True, source="current_consents")
    suppressions = SuppressionOut(many=True, read_only=True, source="suppression_set")

    class Meta(CustomerOut.Meta):
        fields = [*CustomerOut.Meta.fields, "consents", "suppressions"]


@extend_schema(parameters=[OpenApiParameter("number", str, description="the number or its beginning")])
class CustomerList(ListAPIView[Customer]):
    """List the customers the caller may see, by number."""

    serializer_class = CustomerOut
    permission_classes = (holds("customers.view"),)
    queryset = Customer.objects.none()

    def get_queryset(self) -> QuerySet[Customer]:
        found = Customer.objects.visible_to(self.request.user).select_related("branch", "rm")  # type: ignore[arg-type]
        number = self.request.query_params.get("number", "")
        return found.filter(number__startswith=number) if number else found


class CustomerDetail(APIView):
    """Show one customer with the consents that count now and the suppressions."""

    permission_classes = (holds("customers.view"),)

    @extend_schema(responses=CustomerFullOut)
    def get(self, request: Request, pk: int) -> Response:
        visible = Customer.objects.visible_to(request.user).select_related("branch", "rm")  # type: ignore[arg-type]
        customer = get_object_or_404(visible, pk=pk)
        customer.current_consents = customer.consent_set.current()  # type: ignore[attr-defined]
        return Response(CustomerFullOut(customer).data)
