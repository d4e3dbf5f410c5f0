"""The form that connects a store or changes one: the platform's own fields, secrets that are written and never shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from starlette.responses import Response

from inventory_pipeline.connectors.base import CheckItem, PlatformInfo
from inventory_pipeline.connectors.registry import connector_for, platform_names, platforms
from inventory_pipeline.core.errors import InventoryError, UsageError
from inventory_pipeline.core.stores import DEFAULT_GROUP, StoreIntegration, checked_key
from inventory_pipeline.web.view import NotAllowed, NotFound, Page, View

# Names of settings that hold a heading or a word of the person's own, such as column.sku: typed as lines NAME=VALUE.
_OWN_PARTS = ("FIELD", "HEADING", "WORD")
_MORE = 2  # rows for credentials whose names are the person's own, such as query.key


@dataclass
class StoreForm:
    """What the form holds; secrets are taken out of it and never put back."""

    info: PlatformInfo
    store: StoreIntegration | None = None
    key: str = ""
    name: str = ""
    group: str = ""
    url: str = ""
    fresh_hours: str = ""
    is_active: bool = True
    sync_now: bool = True
    settings: dict[str, str] = field(default_factory=dict)
    findings: Sequence[CheckItem] = ()
    wrong: str = ""
    may_save_anyway: bool = False

    @property
    def plain_settings(self) -> list[tuple[str, str]]:
        return [(name, meaning) for name, meaning in self.info.all_settings.items() if not _has_own_part(name)]

    @property
    def own_settings(self) -> list[tuple[str, str]]:
        return [(name, meaning) for name, meaning in self.info.all_settings.items() if _has_own_part(name)]

    @property
    def lines(self) -> str:
        """Settings that have no field of their own, as NAME=VALUE."""
        plain = {name for name, _ in self.plain_settings}
        return "\n".join(f"{name}={value}" for name, value in self.settings.items() if name not in plain)

    @property
    def credential_names(self) -> tuple[str, ...]:
        kept = () if self.store is None else self.store.credentials
        return tuple(dict.fromkeys((*self.info.credentials, *self.info.other_credentials, *kept)))

    def has(self, name: str) -> bool:
        """Whether the store has a credential of this name already."""
        return self.store is not None and name in self.store.credentials


def choose(view: View) -> Response:
    return view.page("connect.html", platforms=platforms())


def connect(view: View) -> Response:
    return view.page("store_form.html", form=StoreForm(_platform(view), group=_default_group(view)), more=_MORE)


def create(view: View) -> Response:
    form = _read(view, StoreForm(_platform(view)))
    store = StoreIntegration(
        key=form.key,
        platform=form.info.platform,
        url=form.url,
        name=form.name,
        group=form.group or DEFAULT_GROUP,
        settings={name: value for name, value in form.settings.items() if value},
        is_active=form.is_active,
        auto_sync=form.sync_now,
    )
    values = _secrets(view, form)

    def save() -> Response:
        _check_group(view, store.group)
        change = view.integrations.add(store, values)
        told = [f"{change.store.name} is connected", *change.notes]
        if form.sync_now:
            told.append(
                "its first sync starts within ten seconds" if form.is_active else "its first sync starts once it is active"
            )
        return view.to(f"/stores/{store.key}", done="; ".join(told) + ".")

    return _tried_or_saved(view, form, store, values, save, changed=True)


def edit(view: View) -> Response:
    return view.page("store_form.html", form=_of(view.store()), more=_MORE)


def change(view: View) -> Response:
    old = view.store()
    form = _read(view, _of(old))
    values = _secrets(view, form)
    settings = {name: form.settings.get(name, "") for name in {*old.settings, *form.settings}}
    changed = {name: value for name, value in settings.items() if value != old.settings.get(name, "")}
    kept = {name: value for name, value in settings.items() if value}
    store = replace(old, url=form.url, settings=kept, name=form.name or old.key, group=form.group)

    def save() -> Response:
        _check_group(view, store.group)
        given = view.integrations.set(
            old.key,
            name=form.name or old.key,
            group=form.group if form.group != old.group else None,
            url=form.url if form.url != old.url else None,
            settings=changed,
            values=values,
            auto_sync=form.sync_now,
            freshness_limit=_hours(form.fresh_hours),
        )
        return view.to(f"/stores/{old.key}", done="; ".join([f"{given.store.name} is changed", *given.notes]) + ".")

    return _tried_or_saved(view, form, store, values, save, changed=bool(values or changed or form.url != old.url))


def _tried_or_saved(
    view: View,
    form: StoreForm,
    store: StoreIntegration,
    values: Mapping[str, str],
    save: Callable[[], Response],
    *,
    changed: bool,
) -> Response:
    """Asks the store first. Saves where all is well, where it need not be asked, and where the person wants it anyway."""
    only_try = view.typed("action") == "test"
    try:
        if only_try or (changed and not view.typed("anyway")):
            checked_key(store.key)
            form.findings = view.integrations.try_out(store, values)
            if only_try or not all(item.ok for item in form.findings):
                form.may_save_anyway = not only_try
                if not only_try:
                    form.wrong = "Nothing was saved: the store does not answer as it should."
                if view.is_fragment:
                    return view.page("findings.html", form=form)
                return view.page("store_form.html", 200 if only_try else 400, form=form, more=_MORE)
        return save()
    except (NotFound, NotAllowed):
        raise
    except InventoryError as error:
        form.wrong = str(error)
        if view.is_fragment:
            return view.page("findings.html", form=form)
        return view.page("store_form.html", 400, form=form, more=_MORE)


def _platform(view: View) -> PlatformInfo:
    name = view.request.path_params["platform"]
    if name not in platform_names():
        raise NotFound("there is no such platform")
    return connector_for(name).info


def _of(store: StoreIntegration) -> StoreForm:
    hours = store.freshness_limit and store.freshness_limit.total_seconds() / 3600
    return StoreForm(
        connector_for(store.platform).info,
        store,
        key=store.key,
        name=store.name,
        group=store.group,
        url=store.url,
        fresh_hours="" if not hours else f"{hours:g}",
        is_active=store.is_active,
        sync_now=store.auto_sync,
        settings=dict(store.settings),
    )


def _read(view: View, form: StoreForm) -> StoreForm:
    """What was typed, but for the secrets."""
    form.key = form.key or view.typed("key", 100)
    form.name, form.group, form.url = view.typed("name"), view.typed("group", 100), view.typed("url")
    form.fresh_hours = view.typed("fresh_hours", 20)
    form.sync_now = bool(view.typed("sync_now"))
    if form.store is None:
        form.is_active = bool(view.typed("is_active"))
    settings = {name: view.typed(f"setting.{name}") for name, _ in form.plain_settings}
    for line in view.typed("settings", 20_000).splitlines():
        name, equals, value = line.partition("=")
        if name.strip() and equals:
            settings[name.strip()] = value.strip()
    form.settings = {name: value for name, value in settings.items() if value}
    return form


def _secrets(view: View, form: StoreForm) -> dict[str, str]:
    """The credentials that were typed. Raises NotAllowed where the user may not give any."""
    names = {name: f"credential.{name}" for name in form.credential_names}
    names |= {
        view.typed(f"more.{number}", 100): f"more.{number}.value" for number in range(_MORE) if view.typed(f"more.{number}")
    }
    values = {name: value for name, named in names.items() if isinstance(value := view.form.get(named), str) and value}
    if values:
        view.require("credentials")
    return values


def _check_group(view: View, group: str) -> None:
    """A new group is a new merchant: only for those who have all groups."""
    if not view.user.has_group(group):
        mine = ", ".join(view.user.groups or ())
        raise UsageError(
            f"group {group!r:.80} is not one of yours ({mine}); an admin of all groups can use it. Nothing was saved"
        )


def _default_group(view: View) -> str:
    return view.groups[0] if len(view.groups) == 1 else (view.user.groups or (DEFAULT_GROUP,))[0]


def _hours(text: str) -> timedelta:
    try:
        hours = float(text or 0)
    except ValueError:
        hours = -1
    if not 0 <= hours <= 24 * 365:
        raise UsageError(f"{text!r:.40} is not a number of hours, such as 12; nothing was saved")
    return timedelta(hours=hours)


def _has_own_part(name: str) -> bool:
    return any(part in name for part in _OWN_PARTS)


PAGES = (
    Page("/connect", choose, "stores"),
    Page("/connect/{platform}", connect, "stores"),
    Page("/connect/{platform}", create, "stores", "POST"),
    Page("/stores/{key}/edit", edit, "stores"),
    Page("/stores/{key}/edit", change, "stores", "POST"),
)
