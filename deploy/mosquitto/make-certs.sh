#!/bin/sh
# Certificates for a Vedette broker, its agents and its collector, with openssl alone.
#
#   make-certs.sh DIR ca                 a certificate authority: DIR/ca.pem, DIR/ca.key (keep that one offline)
#   make-certs.sh DIR broker HOST...     DIR/broker.pem and .key for these host names and addresses
#   make-certs.sh DIR agent NAME...      DIR/NAME.pem and .key for each agent, the name as in vedette.yaml
#   make-certs.sh DIR collector          the three identities of a collector
#
# DAYS sets the validity (default 3650 for the authority, 365 for the rest). Nothing is overwritten.
set -eu
umask 077

fail() {
    echo "make-certs.sh: $1" >&2
    exit 2
}

# key FILE: a P-256 key
key() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

# leaf NAME EXTENSIONS: DIR/NAME.pem and DIR/NAME.key, signed by the authority, with CN=NAME
leaf() {
    [ -f "$dir/ca.key" ] || fail "there is no authority in $dir: run '$0 $dir ca' first"
    [ ! -e "$dir/$1.pem" ] || fail "$dir/$1.pem exists: remove it to make a new one"
    key "$dir/$1.key"
    openssl req -new -key "$dir/$1.key" -subj "/CN=$1" |
        openssl x509 -req -sha256 -days "${DAYS:-365}" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" \
            -set_serial "0x$(openssl rand -hex 16 | sed 's/^./1/')" -extfile "$dir/extensions.tmp" -out "$dir/$1.pem" 2>/dev/null
    chmod 644 "$dir/$1.pem"
    echo "$dir/$1.pem"
}

extensions() {
    printf 'basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n' "$1" >"$dir/extensions.tmp"
}

[ $# -ge 2 ] || fail "usage: $0 DIR ca | broker HOST... | agent NAME... | collector"
dir=$1
what=$2
shift 2
mkdir -p "$dir"
trap 'rm -f "$dir/extensions.tmp"' EXIT

case $what in
ca)
    [ ! -e "$dir/ca.pem" ] || fail "$dir/ca.pem exists: every certificate it signed would be lost"
    key "$dir/ca.key"
    openssl req -x509 -new -sha256 -days "${DAYS:-3650}" -key "$dir/ca.key" -subj "/CN=Vedette CA" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
        -out "$dir/ca.pem"
    chmod 644 "$dir/ca.pem"
    echo "$dir/ca.pem"
    ;;
broker)
    [ $# -ge 1 ] || fail "broker needs the names that agents connect to"
    extensions serverAuth
    names=
    for host in "$@"; do
        case $host in
        *[!0-9.]*) case $host in
            *:*) names="$names,IP:$host" ;;
            *) names="$names,DNS:$host" ;;
            esac ;;
        *) names="$names,IP:$host" ;;
        esac
    done
    echo "subjectAltName=${names#,}" >>"$dir/extensions.tmp"
    leaf broker
    ;;
agent)
    [ $# -ge 1 ] || fail "agent needs a name"
    for name in "$@"; do
        # The shape of the wire contract; and no agent may carry the identity of another role.
        case $name in
        *[!a-z0-9-]* | -* | *- | ?? | ? | '') is_name=no ;;
        *) is_name=yes ;;
        esac
        [ $is_name = yes ] && [ ${#name} -le 32 ] ||
            fail "'$name' is no agent name: 3 to 32 of a-z, 0-9 and '-', with '-' neither first nor last"
        case $name in
        collector-* | broker) fail "'$name' is reserved" ;;
        esac
        extensions clientAuth
        leaf "$name"
    done
    ;;
collector)
    for name in collector-live collector-replay collector-control; do
        extensions clientAuth
        leaf "$name"
    done
    ;;
*) fail "'$what' is none of ca, broker, agent, collector" ;;
esac
