module looker

go 1.19

require flatline v0.0.0

replace flatline => ../../../bindings/go
