"""The words of other languages that babel and num2words do not know."""

from collections.abc import Mapping

import msgspec

__all__ = ["ADDRESS_SIGNS", "VOCABULARIES", "Currency", "Vocabulary"]


class Currency(msgspec.Struct, frozen=True, eq=False):
    """How sums of money are called.

    Attributes:
        one: a single one.
        many: several.
        part: a hundredth.
        parts: several of those.
        feminine: whether the grammar of "one" and "many" is feminine.
    """

    one: str
    many: str
    part: str
    parts: str
    feminine: bool = False


class Vocabulary(msgspec.Struct, frozen=True, eq=False):
    """The words of one language.

    Attributes:
        minus: for a negative number.
        point: for the decimal sign.
        percent: for "%".
        to: between the ends of a range.
        ampersand: for "&".
        number_sign: for "#5".
        plus: for a plus sign.
        signs: "@", ".", "/", "-", "_" in addresses.
        date: how day, month and year are put together.
        first: the first day of a month, if it is an ordinal number.
        sum: how the two parts of a sum of money are put together.
        of: what stands between a round million and what is counted.
        currencies: by code of ISO 4217; others have the name that babel gives.
        codes: after these words figures are a code.
        years: after these words four figures are a year.
        feminine_units: units (as babel calls them) that are feminine.
        agrees: the last figures of numbers whose words depend on what is counted.
        hundreds_agree: whether hundreds do, too.
        decimals_one_by_one: whether figures after the decimal sign are read one by one.
        pairs_group: whether figures grouped by spaces are one number.
    """

    minus: str
    point: str
    percent: str
    to: str
    ampersand: str
    number_sign: str
    plus: str
    signs: tuple[str, str, str, str, str]
    date: str
    first: str | None
    sum: str
    of: str
    currencies: Mapping[str, Currency]
    codes: str
    years: str
    feminine_units: frozenset[str]
    agrees: frozenset[int]
    hundreds_agree: bool = False
    decimals_one_by_one: bool = False
    pairs_group: bool = False


VOCABULARIES: Mapping[str, Vocabulary] = {
    "de": Vocabulary(
        minus="minus",
        point="Komma",
        percent="Prozent",
        to="bis",
        ampersand="und",
        number_sign="Nummer",
        plus="plus",
        signs=("ät", "Punkt", "Schrägstrich", "Bindestrich", "Unterstrich"),
        date="{day} {month} {year}",
        first=None,
        sum="{large} {small}",
        of="",
        currencies={
            "EUR": Currency("Euro", "Euro", "Cent", "Cent"),
            "USD": Currency("Dollar", "Dollar", "Cent", "Cent"),
            "GBP": Currency("Pfund", "Pfund", "Penny", "Pence"),
            "CHF": Currency("Franken", "Franken", "Rappen", "Rappen"),
            "JPY": Currency("Yen", "Yen", "", ""),
        },
        codes=r"code|pin|tan|passwort|kennwort|\w{0,20}nummer|postleitzahl|plz|referenz|"
        r"endet auf|endend auf|endziffern",
        years=r"jahr|jahre|jahres|seit|anno|von|bis",
        feminine_units=frozenset({"duration-minute", "duration-hour", "duration-second"}),
        agrees=frozenset({1}),
        decimals_one_by_one=True,
    ),
    "fr": Vocabulary(
        minus="moins",
        point="virgule",
        percent="pour cent",
        to="à",
        ampersand="et",
        number_sign="numéro",
        plus="plus",
        signs=("arobase", "point", "barre oblique", "tiret", "tiret bas"),
        date="{day} {month} {year}",
        first="premier",
        sum="{large} {small}",
        of="de",
        currencies={
            "EUR": Currency("euro", "euros", "centime", "centimes"),
            "USD": Currency("dollar", "dollars", "cent", "cents"),
            "GBP": Currency("livre", "livres", "penny", "pence", feminine=True),
            "CHF": Currency("franc", "francs", "centime", "centimes"),
            "JPY": Currency("yen", "yens", "", ""),
        },
        codes=r"code|code postal|numéro|pin|mot de passe|référence|réservation|se terminant par|"
        r"finissant par|se termine par|commande",
        years=r"en|depuis|année|jusqu'en",
        feminine_units=frozenset({"duration-minute", "duration-hour", "duration-second"}),
        agrees=frozenset({1}),
        pairs_group=True,
    ),
    "es": Vocabulary(
        minus="menos",
        point="coma",
        percent="por ciento",
        to="a",
        ampersand="y",
        number_sign="número",
        plus="más",
        signs=("arroba", "punto", "barra", "guion", "guion bajo"),
        date="{day} de {month} de {year}",
        first=None,
        sum="{large} con {small}",
        of="de",
        currencies={
            "EUR": Currency("euro", "euros", "céntimo", "céntimos"),
            "USD": Currency("dólar", "dólares", "centavo", "centavos"),
            "MXN": Currency("peso", "pesos", "centavo", "centavos"),
            "GBP": Currency("libra", "libras", "penique", "peniques", feminine=True),
            "CHF": Currency("franco", "francos", "céntimo", "céntimos"),
            "JPY": Currency("yen", "yenes", "", ""),
        },
        codes=r"código|código postal|número|pin|clave|contraseña|referencia|reserva|pedido|"
        r"terminada en|termina en|terminado en",
        years=r"en|desde|año|hasta",
        feminine_units=frozenset({"duration-hour"}),
        agrees=frozenset({1}),
        hundreds_agree=True,
    ),
    "pt": Vocabulary(
        minus="menos",
        point="vírgula",
        percent="por cento",
        to="a",
        ampersand="e",
        number_sign="número",
        plus="mais",
        signs=("arroba", "ponto", "barra", "hífen", "sublinhado"),
        date="{day} de {month} de {year}",
        first="primeiro",
        sum="{large} e {small}",
        of="de",
        currencies={
            "EUR": Currency("euro", "euros", "cêntimo", "cêntimos"),
            "USD": Currency("dólar", "dólares", "cêntimo", "cêntimos"),
            "BRL": Currency("real", "reais", "centavo", "centavos"),
            "GBP": Currency("libra", "libras", "péni", "pence", feminine=True),
            "JPY": Currency("iene", "ienes", "", ""),
        },
        codes=r"código|código postal|cep|número|pin|senha|palavra-passe|referência|reserva|pedido|"
        r"encomenda|terminado em|termina em|final",
        years=r"em|desde|ano|até",
        feminine_units=frozenset({"duration-hour"}),
        agrees=frozenset({1, 2}),
        hundreds_agree=True,
    ),
    "it": Vocabulary(
        minus="meno",
        point="virgola",
        percent="per cento",
        to="a",
        ampersand="e",
        number_sign="numero",
        plus="più",
        signs=("chiocciola", "punto", "barra", "trattino", "trattino basso"),
        date="{day} {month} {year}",
        first="primo",
        sum="{large} e {small}",
        of="di",
        currencies={
            "EUR": Currency("euro", "euro", "centesimo", "centesimi"),
            "USD": Currency("dollaro", "dollari", "centesimo", "centesimi"),
            "GBP": Currency("sterlina", "sterline", "penny", "pence", feminine=True),
            "CHF": Currency("franco", "franchi", "centesimo", "centesimi"),
            "JPY": Currency("yen", "yen", "", ""),
        },
        codes=r"codice|cap|numero|pin|password|riferimento|prenotazione|ordine|che termina con|"
        r"termina con|finisce con",
        years=r"nel|dal|anno|fino al",
        feminine_units=frozenset({"duration-hour"}),
        agrees=frozenset({1}),
    ),
    "nl": Vocabulary(
        minus="min",
        point="komma",
        percent="procent",
        to="tot",
        ampersand="en",
        number_sign="nummer",
        plus="plus",
        signs=("apenstaartje", "punt", "schuine streep", "streepje", "laag streepje"),
        date="{day} {month} {year}",
        first=None,
        sum="{large} {small}",
        of="",
        currencies={
            "EUR": Currency("euro", "euro", "cent", "cent"),
            "USD": Currency("dollar", "dollar", "cent", "cent"),
            "GBP": Currency("pond", "pond", "penny", "pence"),
            "CHF": Currency("frank", "frank", "rappen", "rappen"),
            "JPY": Currency("yen", "yen", "", ""),
        },
        codes=r"code|postcode|pincode|\w{0,20}nummer|pin|wachtwoord|referentie|"
        r"eindigend op|eindigt op",
        years=r"in|sinds|jaar|tot",
        feminine_units=frozenset(),
        agrees=frozenset(),
        decimals_one_by_one=True,
    ),
}
"""By language, as ISO 639-1 has it."""

ADDRESS_SIGNS: Mapping[str, tuple[str, str, str, str, str]] = {
    "en": ("at", "dot", "slash", "dash", "underscore"),
    "cs": ("zavináč", "tečka", "lomítko", "pomlčka", "podtržítko"),
    "da": ("snabel-a", "punktum", "skråstreg", "bindestreg", "understreg"),
    "fi": ("ät", "piste", "kauttaviiva", "väliviiva", "alaviiva"),
    "hi": ("ऐट", "डॉट", "स्लैश", "डैश", "अंडरस्कोर"),
    "hu": ("kukac", "pont", "perjel", "kötőjel", "aláhúzás"),
    "ja": ("アットマーク", "ドット", "スラッシュ", "ハイフン", "アンダーバー"),
    "ko": ("골뱅이", "점", "슬래시", "하이픈", "언더바"),
    "nb": ("krøllalfa", "punktum", "skråstrek", "bindestrek", "understrek"),
    "no": ("krøllalfa", "punktum", "skråstrek", "bindestrek", "understrek"),
    "pl": ("małpa", "kropka", "ukośnik", "myślnik", "podkreślenie"),
    "ro": ("arond", "punct", "slash", "cratimă", "underscore"),
    "ru": ("собака", "точка", "слэш", "дефис", "подчёркивание"),
    "sv": ("snabel-a", "punkt", "snedstreck", "bindestreck", "understreck"),
    "tr": ("et", "nokta", "bölü", "tire", "alt çizgi"),
    "uk": ("равлик", "крапка", "слеш", "дефіс", "підкреслення"),
    "zh": ("艾特", "点", "斜杠", "横杠", "下划线"),
}
"""The signs of addresses in languages whose numbers are left to the synthesiser."""
