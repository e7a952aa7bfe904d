"""Who is this person? Find a customer, see the number in full for a reason, stop contacting somebody."""

from __future__ import annotations

from contextlib import suppress as ignoring
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.permissions import permission
from accounts.requests import StaffRequest
from customers import consent
from customers import reveal as revealing
from customers.models import Channel, Customer
from marketing.lib import crypto, days

PER_PAGE = 50
LONGEST_NUMBER = 32
REASONS = (
    ("call", gettext_lazy("I am about to call this customer")),
    ("complaint", gettext_lazy("I am handling a complaint")),
    ("identity", gettext_lazy("I am checking who is calling")),
    ("correction", gettext_lazy("I am correcting the customer's data")),
)


@permission("customers.view")
def customers(request: StaffRequest) -> HttpResponse:
    """List customers by number or its beginning. A phone number never stands in an address: see `find`."""
    found = Customer.objects.visible_to(request.user).select_related("branch", "rm")
    query = request.GET.get("q", "").strip()[:LONGEST_NUMBER]
    if query:
        found = found.filter(number__startswith=query)
    context = {
        "page_obj": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "query": query,
        "own_branch": request.user.branch if request.user.is_branch_only else None,
    }
    return render(request, "customers/list.html", context)


@require_POST
@permission("customers.view")
def find(request: StaffRequest) -> HttpResponse:
    """Go to the customer of a phone number or a customer number; else list numbers that begin so."""
    text = request.POST.get("q", "").strip()
    visible = Customer.objects.visible_to(request.user)
    found = list(visible.filter(number=text)[:1])
    with ignoring(crypto.PhoneError):
        found = found or list(visible.filter(phone_index=crypto.blind_index(crypto.normalise_phone(text)))[:2])
        if not found:
            messages.warning(request, _("No customer you may see has this phone number."))
            return redirect("customers:list")
    if len(found) == 1:
        return redirect(page_of(found[0]))
    if found:
        messages.warning(request, _("Several customers share this phone number; search by customer number."))
        return redirect("customers:list")
    return HttpResponseRedirect(f"{reverse('customers:list')}?{urlencode({'q': text[:LONGEST_NUMBER]})}")


def page_of(customer: Customer) -> str:
    """Return the address of a customer's page, which a room further right draws; the list where it is not installed."""
    try:
        return reverse("reports:customer", args=[customer.pk])
    except NoReverseMatch:
        return f"{reverse('customers:list')}?{urlencode({'q': customer.number})}"


class RevealForm(forms.Form):
    reason = forms.ChoiceField(label=gettext_lazy("Why do you need it?"), choices=REASONS, widget=forms.RadioSelect)


@permission("customers.reveal")
def reveal(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask for the reason in a sheet; then show the number in full, once, and never from a cache."""
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=pk)
    form, phone = RevealForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        phone = revealing.reveal(customer=customer, reason=reason, by=request.user, at=days.now())
    context = {"customer": customer, "form": form, "phone": phone, "done": request.method == "POST" and form.is_valid()}
    response = render(request, "customers/_reveal.html", context, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store"
    return response


class SuppressForm(forms.Form):
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), choices=Channel.choices, widget=forms.RadioSelect)
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        choices=(
            ("staff", gettext_lazy("The customer asked at the branch or by phone")),
            ("complaint", gettext_lazy("The customer complained")),
        ),
    )


@permission("customers.suppress")
def suppress(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask for channel and reason in a sheet; then put the customer on the no-contact list, for good."""
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=pk)
    form = SuppressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        consent.suppress(customer=customer, by=request.user, at=days.now(), **form.cleaned_data)
        messages.success(request, _("The customer will not be contacted on this channel any more."))
        return _leave(request, customer)
    context = {"customer": customer, "form": form}
    return render(request, "customers/_suppress.html", context, status=422 if form.errors else 200)


def _leave(request: HttpRequest, customer: Customer) -> HttpResponse:
    """Reload the page under the sheet, or go to the customer where there is no sheet."""
    if not getattr(request, "htmx", False):
        return redirect(page_of(customer))
    response = HttpResponse(status=204)
    response["HX-Refresh"] = "true"
    return response
