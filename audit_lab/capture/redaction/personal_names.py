"""What the name of a column says about whom its values speak of, in several European languages."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["KINDS", "kind_of_name"]

#: Kinds of personal data, in words, and the rule that is proposed for a column of one, as TOML.
KINDS: dict[str, tuple[str, str]] = {
    "name": ("a person's name", '"drop"'),
    "email": ("an e-mail address", '"drop"'),
    "phone": ("a telephone number", '{ rule = "mask", keep_last = 2 }'),
    "iban": ("a bank account", '{ rule = "mask", keep_last = 4 }'),
    "card": ("a payment card", '{ rule = "mask", keep_last = 4 }'),
    "national-id": ("a number that the state gave a person", '"drop"'),
    "person-id": ("a person's number", '"pseudonym"'),
    "birth": ("a date of birth", '{ rule = "generalise", to = "year" }'),
    "age": ("a person's age", '{ rule = "generalise", step = 10 }'),
    "address": ("where a person lives", '"drop"'),
    "postcode": ("a postcode", '{ rule = "generalise", prefix = 2 }'),
    "position": ("where a person is", '{ rule = "generalise", step = 1 }'),
    "ip": ("a network address", '"drop"'),
    "device": ("a person's device or session", '"pseudonym"'),
    "trait": ("sex, origin, belief, health or family", '"keep"'),
    "free-text": ("free text", '"drop"'),
}

#: Words that alone say a kind, wherever in a name they stand; without accents, in lower case.
_WORDS: dict[str, str] = {
    "email": "email mail emailaddress courriel correo epost eposta sahkoposti",
    "phone": "phone telephone tel telefon telefono telefone telefoon mobile mobil mobilnummer handy handynummer movil "
    "cellulare cellphone msisdn fax portable puhelin telefonnummer phonenumber rufnummer",
    "iban": "iban bban kontonummer accountnumber rekeningnummer numerocuenta bankaccount kontonr",
    "card": "creditcard cardnumber pan kreditkarte kartennummer cartebancaire tarjeta ccnumber",
    "national-id": "ssn socialsecurity sozialversicherungsnummer svnr ahv ahvnr nss nir nino dni nie nif cpf pesel bsn "
    "codicefiscale personnummer fodselsnummer cprnummer hetu passport passportnumber reisepass passeport pasaporte "
    "passaporto steuerid taxid tin nationalid aadhaar drivinglicence driverlicense ausweisnummer",
    "person-id": "customerid customernumber clientid clientnumber kundennummer kundennr kundenid numeroclient "
    "numerocliente klantnummer patientid patientennummer memberid userid username login employeeid personalnummer "
    "applicantid subjectid versichertennummer insurednumber personid matricule",
    "birth": "birthdate birthday dob dateofbirth geburtsdatum geburtstag datenaissance datedenaissance fechanacimiento "
    "fechadenacimiento datadinascita datanascimento geboortedatum fodelsedatum dataurodzenia born birth geburtsjahr "
    "birthyear yearofbirth naissance nacimiento nascita syntymaaika",
    "address": "address street streetname adresse anschrift strasse strassenname hausnummer rue direccion calle "
    "indirizzo endereco adres straat domicile wohnort adresa ulica",
    "postcode": "postcode zip zipcode postalcode plz postleitzahl codepostal codigopostal cap cep postnummer",
    "position": "latitude longitude lat lon lng gps geolocation coordinates breitengrad laengengrad koordinaten",
    "ip": "ip ipaddress ipaddr ipv4 ipv6 clientip remoteaddr remoteip",
    "device": "deviceid cookie cookieid sessionid imei imsi macaddress mac advertisingid idfa fingerprint useragent",
    "trait": "sex gender geschlecht sexe sexo sesso geslacht religion confession konfession religione nationality "
    "nationalitaet nationalite nacionalidad nazionalita ethnicity ethnic race maritalstatus familienstand "
    "etatcivil estadocivil statocivile citizenship staatsangehoerigkeit disability behinderung diagnosis diagnose "
    "pregnant politics union foreignworker",
    "age": "age alter edad eta idade leeftijd wiek",
    "free-text": "comment comments note notes remark remarks bemerkung kommentar notiz commentaire comentario freetext",
    "name": "firstname lastname surname fullname forename givenname familyname middlename maidenname vorname nachname "
    "familienname geburtsname prenom nomdefamille nombre apellido apellidos cognome nomecompleto sobrenome voornaam "
    "achternaam fornamn efternamn imie nazwisko etunimi sukunimi personname customername clientname patientname "
    "applicantname kundenname contactname employeename borrowername",
}
#: Names that say a kind only where nothing else stands in them.
_WHOLE: dict[str, str] = {
    "name": "name nom nome naam namn title salutation anrede person contact holder kontoinhaber accountholder",
    "person-id": "customer client kunde subject applicant patient",
}
_LONGEST_WORDS = 4
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_LETTERS = str.maketrans(
    {"ß": "ss", "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "o", "ł": "l"}
)


def _spelt(words: dict[str, str]) -> dict[str, str]:
    return {word: kind for kind, listed in words.items() for word in listed.split()}


_KIND_OF_WORD, _KIND_OF_WHOLE = _spelt(_WORDS), _spelt(_WHOLE)


def kind_of_name(column: str) -> str | None:
    """Return the kind of personal data that the name of a column says, a key of `KINDS`; None where it says none.

    A name is taken apart at signs and at capitals, and neighbouring words are looked up together: ``customerEmail``,
    ``e-mail_address``, ``Date of birth``, ``geb_datum`` no, ``geburts_datum`` yes. The longest words that are known
    count.
    """
    plain = unicodedata.normalize("NFKD", column.translate(_LETTERS)).encode("ascii", "ignore").decode()
    parts = [part.lower() for part in _PARTS.findall(plain)]
    if "".join(parts) in _KIND_OF_WHOLE:
        return _KIND_OF_WHOLE["".join(parts)]
    for length in range(min(_LONGEST_WORDS, len(parts)), 0, -1):
        for first in range(len(parts) - length + 1):
            found = _KIND_OF_WORD.get("".join(parts[first : first + length]))
            if found is not None:
                return found
    return None
