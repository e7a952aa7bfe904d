"""Who works here, what they may do, and what they did."""

from __future__ import annotations

from functools import cached_property

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from marketing.lib.labels import in_language


class Named(models.Model):
    """Something with a code and a name in two languages."""

    code = models.CharField(max_length=32, unique=True)
    name_zh = models.CharField(max_length=80)
    name_en = models.CharField(max_length=80, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return in_language(self.name_zh, self.name_en)


class Department(Named):
    class Meta:
        ordering = ["id"]


class Branch(Named):
    region = models.CharField(max_length=40, blank=True)
    city = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["code"]


class Role(models.TextChoices):
    MARKETER = "marketer", _("Marketing specialist")
    MANAGER = "manager", _("Department manager")
    BRANCH_MANAGER = "branch_manager", _("Branch manager")
    RM = "rm", _("Relationship manager")
    ANALYST = "analyst", _("Analyst")
    COMPLIANCE = "compliance", _("Compliance officer")
    AUDITOR = "auditor", _("Auditor")
    ADMIN = "admin", _("Administrator")


BRANCH_ROLES = frozenset({Role.BRANCH_MANAGER, Role.RM})
BANK_WIDE_ROLES = frozenset({Role.ANALYST, Role.COMPLIANCE, Role.AUDITOR, Role.ADMIN})


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: object) -> User:
        """Create somebody; without a password the account cannot sign in."""
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """Somebody who works for the bank. Roles say what, department and branch say over whom."""

    username = models.CharField(_("User name"), max_length=64, unique=True)
    display_name = models.CharField(max_length=80, blank=True)
    staff_no = models.CharField(max_length=32, unique=True, null=True, blank=True)
    department = models.ForeignKey(Department, models.PROTECT, null=True, blank=True)
    branch = models.ForeignKey(Branch, models.PROTECT, null=True, blank=True)
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(
        default=False, help_text="made by the demo bank; production refuses to start with one"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "username"
    objects = UserManager()

    class Meta:
        ordering = ["username"]

    def __str__(self) -> str:
        return self.display_name or self.username

    @cached_property
    def roles(self) -> frozenset[str]:
        return frozenset(self.grants.values_list("role", flat=True))

    @property
    def is_bank_wide(self) -> bool:
        """Whether the user sees every department and branch."""
        return bool(self.roles & BANK_WIDE_ROLES)

    @property
    def is_branch_only(self) -> bool:
        """Whether the user sees nothing but one branch."""
        return bool(self.roles & BRANCH_ROLES) and not self.is_bank_wide and self.department_id is None

    @property
    def role_names(self) -> str:
        return " · ".join(str(Role(role).label) for role in sorted(self.roles))


class RoleGrant(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="grants")
    role = models.CharField(max_length=20, choices=Role.choices)
    granted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    granted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "role"], name="one_grant_per_role")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role}"


class ApiToken(models.Model):
    """A key for a program; only its digest is kept, the person's roles bound it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    digest = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.prefix}… {self.name}"


class AuditEntry(models.Model):
    """One thing somebody did. Rows are only added; each carries the hash of the one before."""

    number = models.BigIntegerField(unique=True)
    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    actor_name = models.CharField(max_length=80)
    action = models.CharField(max_length=60, db_index=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=40, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+")
    detail = models.JSONField(default=dict)
    previous = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["-number"]
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_of_an_object")]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"


class SignInFailure(models.Model):
    """A wrong password, kept for a quarter of an hour to slow guessing down."""

    username = models.CharField(max_length=64)
    address = models.GenericIPAddressField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["username", "address", "at"], name="failures_of_a_name")]

    def __str__(self) -> str:
        return f"{self.username} {self.at}"
